"""Every answer tells browsers what they may do with it; only named pages of other hosts may read one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from conf.loader import load
from core import limits
from handlers.protection import API_HEADERS, PAGE_HEADERS, Origins
from server.bootstrap import Roles, compose

FRIEND, STRANGER = "https://h5.hospital.example", "https://elsewhere.example"
CORS = "Access-Control-Allow-Origin"
PERSON = ("330102198407216421", "13957120468", "钱慕寒")


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """A whole platform behind a proxy on this machine."""
    pages = tmp_path / "pages"
    (pages / "assets").mkdir(parents=True)
    for name in ("start.html", "index.html", "assets/a.js"):
        (pages / name).write_text("<title>x</title>")
    settings = load(
        overrides={
            "data": str(tmp_path / "data"),
            "web.port": 0,
            "web.pages": str(pages),
            "web.patient_pages": str(pages),
            "web.trusted_proxies": ["127.0.0.1"],
            "web.allowed_origins": [FRIEND],
        },
        environment={},
    )
    async with (
        compose(settings, Roles.WEB) as platform,
        aiohttp.ClientSession(f"http://127.0.0.1:{platform.port}") as session,
    ):
        yield session


ANSWERS = [
    ("GET", "/healthz", 200),
    ("GET", "/v1/lines/none", 404),
    ("GET", "/v1/patients", 401),
    ("POST", "/v1/sign-in/sms", 422),
    ("GET", "/nowhere", 404),
    ("DELETE", "/v1/lines/none", 405),
    ("POST", "/healthz", 405),
    ("OPTIONS", "/healthz", 204),
    ("HEAD", "/healthz", 200),
    ("GET", "/metrics", 200),
    ("GET", "/openapi.json", 200),
    ("GET", "/connection/websocket", 426),
    ("POST", "/connection/websocket", 405),
]
PAGES = [("/", 200), ("/h5/", 200), ("/h5", 302), ("/assets/a.js", 200), ("/assets/none.js", 404)]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
async def test_every_answer_of_the_api(
    http: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with http.request(method, path) as response:
        assert response.status == status
        for name, value in API_HEADERS.items():
            assert response.headers.getall(name) == [value], name
        assert "Server" not in response.headers
        assert "Strict-Transport-Security" not in response.headers
        assert not any(name.startswith("Access-Control") for name in response.headers)


@pytest.mark.parametrize(("path", "status"), PAGES)
async def test_every_page(http: aiohttp.ClientSession, path: str, status: int) -> None:
    async with http.get(path, allow_redirects=False) as response:
        assert response.status == status
        for name, value in PAGE_HEADERS.items():
            assert response.headers.getall(name) == [value], name
        policy = response.headers.get("Content-Security-Policy", "")
        assert ("frame-ancestors" in policy) == (not path.endswith(".js") or status == 404) or status == 302
        assert "Server" not in response.headers


@pytest.mark.parametrize("path", ["/healthz", "/v1/patients", "/", "/assets/none.js"])
async def test_behind_tls_a_browser_is_told_to_stay_there(http: aiohttp.ClientSession, path: str) -> None:
    for told, told_back in (("https", True), ("http", False)):
        async with http.get(path, headers={"X-Forwarded-Proto": told}) as response:
            assert ("Strict-Transport-Security" in response.headers) is told_back


@pytest.mark.parametrize(
    "raw",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * limits.HTTP_HEADER_BYTES,
        b"POST /v1/sign-in/sms HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n",
    ],
)
async def test_what_cannot_be_read_is_answered_no_less_carefully(
    http: aiohttp.ClientSession, raw: bytes
) -> None:
    base = http._base_url
    assert base is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", base.port)
    writer.write(raw)
    async with asyncio.timeout(20):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    writer.close()
    assert head.startswith("http/1.1 4")
    for name, value in API_HEADERS.items():
        assert f"\r\n{name}: {value}\r\n".lower() in head


async def test_a_named_page_of_another_host_may_ask(http: aiohttp.ClientSession) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    async with http.options("/v1/patients", headers={"Origin": FRIEND, **asked}) as response:
        assert response.status == 204
        assert response.headers[CORS] == FRIEND
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
        assert "POST" in response.headers["Access-Control-Allow-Methods"]
        allowed = response.headers["Access-Control-Allow-Headers"].lower()
        assert {"authorization", "content-type", "idempotency-key", "x-device"} <= set(allowed.split(", "))
    for path, status in (("/healthz", 200), ("/v1/patients", 401), ("/nowhere", 404)):
        async with http.get(path, headers={"Origin": FRIEND}) as response:
            assert (response.status, response.headers[CORS]) == (status, FRIEND)
            assert response.headers["Vary"] == "Origin"
            assert "Retry-After" in response.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "origin", [STRANGER, "null", "", f"{FRIEND}.evil.example", "http://h5.hospital.example"]
)
async def test_a_page_of_anybody_else_may_not(http: aiohttp.ClientSession, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for method, path in (("OPTIONS", "/v1/patients"), ("GET", "/healthz")):
        async with http.request(method, path, headers=asked) as response:
            assert CORS not in response.headers
            assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("origin", [STRANGER, "null", f"{FRIEND}.evil.example"])
async def test_a_page_of_anybody_else_opens_no_socket(http: aiohttp.ClientSession, origin: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect("/connection/websocket", headers={"Origin": origin})
    assert refused.value.status == 403
    async with http.ws_connect("/connection/websocket", headers={"Origin": FRIEND}) as socket:
        assert not socket.closed
    async with http.get("/connection/websocket", headers={**_upgrade(), "Origin": origin}) as response:
        assert (await response.json())["code"] == "realtime.origin_refused"
        for name, value in API_HEADERS.items():
            assert response.headers.getall(name) == [value], name


def _upgrade() -> dict[str, str]:
    return {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }


async def test_administration_is_refused_from_elsewhere_whoever_asks(http: aiohttp.ClientSession) -> None:
    path, body = "/v1/tokens/revocations", {"user": "nurse.7"}
    for headers in ({}, {"Authorization": "Bearer forged"}):
        elsewhere = {**headers, "X-Forwarded-For": "203.0.113.9"}
        async with http.post(path, json=body, headers=elsewhere) as response:
            assert (response.status, (await response.json())["code"]) == (403, "core.not_from_here")
        async with http.post(path, json=body, headers=headers) as response:
            assert response.status == 401


def test_credentials_never_go_to_everybody() -> None:
    for allowed in (["*"], ["*", FRIEND]):
        for found in (Origins(allowed).headers(FRIEND), Origins(allowed).preflight(STRANGER)):
            assert found[CORS] == "*"
            assert "Access-Control-Allow-Credentials" not in found


async def test_no_address_id_or_name_of_a_request_reaches_a_line_of_the_log(
    http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    number, phone, name = PERSON
    caplog.set_level("DEBUG")
    with capture_logs() as events:
        for method, path in (
            ("GET", f"/v1/patients/{number}"),
            ("POST", f"/v1/patients/{number}/reveal"),
            ("GET", f"/v1/lines/{phone}?name={name}"),
            ("GET", f"/{name}?{number}={phone}"),
            ("PUT", f"/v1/lines/{phone}"),
            ("GET", f"/screen/{name}?phone={phone}"),
        ):
            headers = {"Referer": f"https://x/{phone}", "User-Agent": number}
            async with http.request(method, path, headers=headers) as response:
                await response.read()
        async with http.get("/metrics") as response:
            metrics = await response.text()
    served = [event for event in events if event["event"] == "http.served"]
    assert {event["route"] for event in served} >= {"/v1/patients/{patient}", "/v1/lines/{line}", "none"}
    lines = [repr(event) for event in events] + [record.getMessage() for record in caplog.records]
    for secret in PERSON:
        assert secret not in "\n".join([*lines, metrics])
