"""Built pages: the right file, packed where the browser takes it, cached as long as it is right."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from handlers.client_address import ClientAddresses
from server.web import page_rules

SCRIPT = "console.log('候诊');" * 100


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    screens, h5 = tmp_path / "dist", tmp_path / "h5"
    (screens / "assets").mkdir(parents=True)
    (h5 / "js").mkdir(parents=True)
    for page in ("start", "screen", "doctor", "docs"):
        (screens / f"{page}.html").write_text(f"<title>{page}</title><script>inline()</script>")
    (screens / "assets" / "a-1234.js").write_text(SCRIPT)
    (screens / "assets" / "a-1234.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    (screens / "build.json").write_text('{"build":"b1"}')
    (h5 / "index.html").write_text("<title>h5</title>")
    (h5 / "js" / "app.js").write_text(SCRIPT)
    (tmp_path / "secret.txt").write_text("secret")
    sockets = bind_sockets(0, "127.0.0.1")
    rules: Any = page_rules(screens, h5, ClientAddresses())
    server = HTTPServer(Application(rules, log_function=lambda handler: None))
    server.add_sockets(sockets)
    base = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    async with aiohttp.ClientSession(base, auto_decompress=False) as session:
        yield session
    server.stop()
    await server.close_all_connections()


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/", "start"),
        ("/screen/hall-3", "screen"),
        ("/doctor", "doctor"),
        ("/doctor/", "doctor"),
        ("/docs", "docs"),
        ("/h5/", "h5"),
        ("/h5", "h5"),
    ],
)
async def test_each_address_shows_its_page_asked_for_anew_each_time(
    client: aiohttp.ClientSession, path: str, title: str
) -> None:
    async with client.get(path) as response:
        assert response.status == 200
        assert f"<title>{title}</title>" in await response.text()
        assert response.headers["Cache-Control"] == "no-cache"
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "script-src 'self' 'unsafe-inline'" not in policy
        if title != "h5":
            assert "'sha256-" in policy


async def test_hashed_files_are_kept_for_ever_and_sent_packed(client: aiohttp.ClientSession) -> None:
    async with client.get("/assets/a-1234.js", headers={"Accept-Encoding": "gzip, br"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert response.headers["Content-Type"].startswith("text/javascript")
        assert "immutable" in response.headers["Cache-Control"]
        assert gzip.decompress(await response.read()).decode() == SCRIPT
    async with client.get("/assets/a-1234.js", headers={"Accept-Encoding": "identity"}) as response:
        assert "Content-Encoding" not in response.headers
        assert (await response.read()).decode() == SCRIPT
    async with client.get("/h5/js/app.js", headers={"Accept-Encoding": "gzip"}) as response:
        assert "Content-Encoding" not in response.headers
        assert "immutable" in response.headers["Cache-Control"]


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../../secret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/assets/%00",
        "/h5/..%2fsecret.txt",
        "/h5/nothing.js",
        "/h5/%00",
    ],
)
async def test_nothing_outside_the_pages_is_served(client: aiohttp.ClientSession, path: str) -> None:
    async with client.get(aiohttp.client.URL(path, encoded=True)) as response:
        assert response.status in (403, 404)
        assert "secret" not in await response.text()


async def test_pages_that_were_never_built_say_so(tmp_path: Path) -> None:
    sockets = bind_sockets(0, "127.0.0.1")
    rules = page_rules(tmp_path / "none", tmp_path / "none", ClientAddresses())
    server = HTTPServer(Application(rules, log_function=lambda handler: None))  # type: ignore[arg-type]
    server.add_sockets(sockets)
    address = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/"
    async with aiohttp.ClientSession() as session, session.get(address) as response:
        assert response.status == 503
        assert "make run" in await response.text()
    server.stop()
    await server.close_all_connections()
