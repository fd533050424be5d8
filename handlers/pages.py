"""The built pages: start, screens, calling page, documents and the patient's H5.

Hashed files are cached for a year; pages are always asked for again, so that a new version reaches a screen
that has been on for months.
"""

import mimetypes
import os
from dataclasses import dataclass, field
from pathlib import Path

from tornado.web import HTTPError, StaticFileHandler

from handlers.client_address import ClientAddresses
from handlers.problems import MEDIA_TYPE, bare_code, terse_problem
from handlers.protection import API_HEADERS, HTTPS_HEADER, PAGE_HEADERS

FOREVER_SECONDS = 365 * 24 * 3600

_NOT_THERE = "没有这个页面 · No such page"
_SAID = {
    403: _NOT_THERE,
    404: _NOT_THERE,
    503: "页面尚未构建，请运行 make run · Pages are not built yet: run make run",
}

CONTENT_POLICY = (
    "default-src 'self'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; "
    "font-src 'self' data:; media-src 'self' data: blob:; connect-src 'self' ws: wss:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'self'; form-action 'self'"
)


@dataclass(frozen=True, slots=True)
class Pages:
    """Where built pages lie, and the inline scripts (as CSP hashes) that they are allowed."""

    root: Path
    script_hashes: tuple[str, ...] = ()
    addresses: ClientAddresses = field(default_factory=ClientAddresses)


class PageFile(StaticFileHandler):
    """One file of the built pages. ``page`` fixes the file whatever the path is (``/screen/<id>``); ``moved``
    sends the browser there instead."""

    SUPPORTED_METHODS = ("GET", "HEAD")

    def initialize(  # type: ignore[override]
        self, pages: Pages, page: str | None = None, folder: str = "", moved: str | None = None
    ) -> None:
        root = pages.root / folder if folder else pages.root
        super().initialize(path=str(root), default_filename="index.html")
        self._page = page
        self._pages = pages
        self._moved = moved
        self._protect()

    def _protect(self) -> None:
        """Before anything is answered, and again when an error has emptied the headers."""
        self.clear_header("Server")
        for name, value in PAGE_HEADERS.items():
            self.set_header(name, value)
        if self._pages.addresses.is_https(self.request.remote_ip or "", self.request.headers):
            self.set_header(*HTTPS_HEADER)

    async def get(self, path: str = "", include_body: bool = True) -> None:
        if self._moved is not None:
            self.redirect(self._moved)
            return
        target = self._page or path
        if "\0" in target:
            raise HTTPError(404)
        if not os.path.isdir(self.root):  # noqa: ASYNC240  (one stat of a local folder)
            raise HTTPError(503, reason="Pages Not Built")
        packed = f"{target or self.default_filename}.gz"
        self.set_header("Vary", "Accept-Encoding")
        if self._takes_gzip() and os.path.isfile(os.path.join(self.root, packed)):  # noqa: ASYNC240
            self.set_header("Content-Encoding", "gzip")
            target = packed
        await super().get(target, include_body)

    def _takes_gzip(self) -> bool:
        """Whether the ready-packed file may be sent; a part of a file is always cut from the plain one."""
        accepted = self.request.headers.get("Accept-Encoding", "")
        return "Range" not in self.request.headers and "gzip" in {
            each.partition(";")[0].strip() for each in accepted.split(",")
        }

    async def head(self, path: str = "") -> None:
        await self.get(path, include_body=False)

    def set_extra_headers(self, path: str) -> None:
        if "assets/" in (self.absolute_path or "") or path.startswith(("js/", "css/")):
            self.set_header("Cache-Control", f"public, max-age={FOREVER_SECONDS}, immutable")
        else:
            self.set_header("Cache-Control", "no-cache")
        path = path.removesuffix(".gz")
        if path.endswith(".html") or not Path(path).suffix:
            hashes = " ".join(f"'{each}'" for each in self._pages.script_hashes)
            self.set_header("Content-Security-Policy", CONTENT_POLICY.format(scripts=hashes))

    def get_content_type(self) -> str:
        kind, _ = mimetypes.guess_type((self.absolute_path or "").removesuffix(".gz"))
        if kind and (kind.startswith("text/") or kind in {"application/javascript", "application/json"}):
            return f"{kind}; charset=utf-8"
        return kind or "application/octet-stream"

    def write_error(self, status_code: int, **kwargs: object) -> None:
        """A person is told what is not there; every other no is a problem, as everywhere."""
        self._protect()
        self.set_header("Content-Security-Policy", API_HEADERS["Content-Security-Policy"])
        said = _SAID.get(status_code)
        if said is not None:
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish(said)
            return
        if status_code == 405:
            self.set_header("Allow", ", ".join(self.SUPPORTED_METHODS))
        self.set_header("Content-Type", MEDIA_TYPE)
        self.finish(terse_problem(status_code, bare_code(status_code)))
