"""Who is measured: how each is started, what a subscriber says to it, and how it is told a publication."""

import contextlib
import json
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from adapters.native.sender import LIBRARY
from bench.realtime.processes import BUILT, ROOT, SERVER_CORE, Missing, compiled, running, said
from core.actor import Actor, Role
from core.clock import SystemClock
from realtime.tokens import HmacTokens
from server.pki import files_of, make_pki
from server.tokens import Issuer
from tests.services.process import ProgramIsMissing, free_port, program

LINE = "L0301"
CHANNEL = f"queue:{LINE}"
PAYLOAD_BYTES = 200
PUBLISHED = 2
"""Publications on the line before anybody comes."""
START_SECONDS = 15.0

_BEGIN = '{"line":"L0301","at":"TS=@TS@","seq":"SEQ=@SEQ@","note":"'
_FILL = PAYLOAD_BYTES - len(_BEGIN) - (19 - len("@TS@")) - (10 - len("@SEQ@")) - len('"}')
PAYLOAD = f'{_BEGIN}{"." * _FILL}"}}'


@dataclass(frozen=True, slots=True)
class Ground:
    """What all contenders of one bench share."""

    folder: Path
    tokens: Path
    """A signed token per line, for so many clients."""
    secret: str
    certificate: Path
    key: Path
    profile: bool = False
    nice: int = 0
    missed: int = PUBLISHED
    """Publications that every newcomer has missed and recovers."""

    @property
    def log(self) -> Path:
        return self.folder / "servers.log"


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that is up."""

    pid: int
    port: int
    publications: int
    says: str = ""
    """A subscriber's first frames, a line each; ``%s`` is its token."""
    ready: str = ""
    template: str = PAYLOAD + "\n"
    path: str = "/connection/websocket"
    tls: bool = False
    mark: Callable[[str], None] = field(default=lambda phase: None)
    """Told when a phase has ended."""


Start = Callable[[Ground], contextlib.AbstractContextManager[Serving]]


@dataclass(frozen=True, slots=True)
class Contender:
    """A row of the table."""

    name: str
    title: str
    start: Start


def make_ground(folder: Path, *, clients: int, profile: bool, nice: int, missed: int) -> Ground:
    """Sign the tokens and make the certificate."""
    secret = secrets.token_hex(32)
    tokens = folder / "tokens"
    tokens.write_text(
        "".join(f"{each}\n" for each in signed(HmacTokens([secret.encode()]), "phone", clients))
    )
    make_pki(folder / "pki")
    files = files_of(folder / "pki")
    return Ground(folder, tokens, secret, files.front_machine, files.front_machine_key, profile, nice, missed)


def signed(signing: HmacTokens, name: str, count: int) -> Iterator[str]:
    """Tokens of so many patients, good for hours."""
    issuer = Issuer(signing, SystemClock())
    for number in range(count):
        actor = Actor(id=f"{name}-{number:06}", role=Role.PATIENT)
        yield issuer.issue(actor, good_for=timedelta(hours=6)).token


def session(epoch: str, offset: int) -> str:
    """What a returning phone says: its token, and where it was on the line."""
    since = {"channel": CHANNEL, "recover": True, "epoch": epoch, "offset": offset}
    frames = ('{"id":1,"connect":{"token":"%s"}}', json.dumps({"id": 2, "subscribe": since}))
    return "\n".join(frames) + "\n"


SUBSCRIBED = '"id":2,"subscribe"'


@contextlib.contextmanager
def ours(
    ground: Ground, *, sender: str = "native", tls: bool = False, messages: bool = False
) -> Iterator[Serving]:
    """Our web process's realtime part, as ``server/live.py`` puts it together."""
    if sender == "native" and not (ROOT / LIBRARY).exists():
        raise Missing("the native sender was not built (make setup, with a C compiler)")
    command = [sys.executable, "-m", "bench.realtime.ours", "--secret", ground.secret, "--sender", sender]
    if tls:
        command += ["--certificate", str(ground.certificate), "--key", str(ground.key)]
    if ground.profile:
        command.append("--profile")
    if messages:
        command.append("--messages")
    command += ["--data", str(ground.folder / f"{secrets.token_hex(4)}.db")]
    with running(
        command, core=SERVER_CORE, log=ground.log, nice=ground.nice, stdin=subprocess.PIPE
    ) as process:
        answer = json.loads(said(process, ground.log))

        def mark(phase: str) -> None:
            if ground.profile and process.stdin is not None:
                process.stdin.write(phase + "\n")
                process.stdin.flush()
                print(json.loads(said(process, ground.log))["profile"])

        yield Serving(
            process.pid,
            answer["port"],
            answer["publications"],
            says=session(answer["epoch"], answer["offset"] - ground.missed),
            ready=SUBSCRIBED,
            tls=tls,
            mark=mark,
        )


@contextlib.contextmanager
def simple(ground: Ground, command: list[str | Path], *, tls: bool = False) -> Iterator[Serving]:
    """A peer of ``bench/peers`` that prints its two ports."""
    with running(command, core=SERVER_CORE, log=ground.log, nice=ground.nice) as process:
        port, publications = (int(said(process, ground.log)) for _ in range(2))
        yield Serving(process.pid, port, publications, tls=tls)


def c_loop(ground: Ground) -> contextlib.AbstractContextManager[Serving]:
    return simple(ground, [compiled(ROOT / "bench/peers/send_loop.c", "send_loop")])


def stock(ground: Ground, *, tls: bool = False) -> contextlib.AbstractContextManager[Serving]:
    files = [ground.certificate, ground.key] if tls else []
    return simple(ground, [sys.executable, "-m", "bench.peers.stock_tornado", *files], tls=tls)


def broadcast(ground: Ground) -> contextlib.AbstractContextManager[Serving]:
    return simple(ground, [sys.executable, "-m", "bench.peers.websockets_broadcast"])


def node_ws(ground: Ground) -> contextlib.AbstractContextManager[Serving]:
    node = shutil.which("node")
    if node is None:
        raise Missing("no node on this machine")
    if not (ROOT / "tests/clients/node/node_modules/ws").is_dir():
        raise Missing("npm's ws is not installed (make bench-realtime installs it)")
    return simple(ground, [node, ROOT / "bench/peers/ws_frame.cjs"])


NGINX = """
load_module {module};
user root;
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.err;
worker_rlimit_nofile 65536;
events {{ worker_connections 40000; }}
http {{
  access_log off;
  keepalive_requests 10000000;
  nchan_shared_memory_size 512M;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096{ssl};
    listen 127.0.0.1:{publications};
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.3;
    tcp_nodelay on;
    location = /connection/websocket {{
      nchan_subscriber websocket;
      nchan_channel_id q;
      nchan_subscriber_first_message newest;
    }}
    location = /publish {{
      nchan_publisher http;
      nchan_channel_id q;
      nchan_message_buffer_length 64;
      nchan_message_timeout 1h;
    }}
  }}
}}
"""


@contextlib.contextmanager
def nchan(ground: Ground, *, tls: bool = False) -> Iterator[Serving]:
    """Debian's nginx with its nchan module: private, its own configuration, free ports."""
    try:
        nginx = program("nginx", package="nginx libnginx-mod-nchan")
    except ProgramIsMissing as missing:
        raise Missing(str(missing)) from missing
    module = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
    if not module.exists():
        raise Missing("nginx has no nchan module (apt install libnginx-mod-nchan)")
    folder = ground.folder / "nginx"
    folder.mkdir(exist_ok=True)
    port, publications = free_port(), free_port()
    settings = folder / "nginx.conf"
    settings.write_text(
        NGINX.format(
            module=module, folder=folder, port=port, publications=publications,
            ssl=" ssl" if tls else "", certificate=ground.certificate, key=ground.key,
        )
    )  # fmt: skip
    command: list[str | Path] = [nginx, "-p", folder, "-c", settings, "-e", folder / "nginx.err"]
    with running(command, core=SERVER_CORE, log=ground.log, nice=ground.nice) as master:
        head = "POST /publish HTTP/1.1\r\nHost: l\r\nContent-Type: application/json\r\n"
        yield Serving(
            _only_child(master.pid),
            port,
            publications,
            template=f"{head}Content-Length: {PAYLOAD_BYTES}\r\n\r\n{PAYLOAD}",
            tls=tls,
        )


def _only_child(parent: int) -> int:
    """The worker does the work; the master only waits."""
    listed = Path(f"/proc/{parent}/task/{parent}/children")
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            children = listed.read_text().split()
            if len(children) == 1:
                return int(children[0])
        time.sleep(0.05)
    raise Missing("nginx did not start its worker")


@contextlib.contextmanager
def centrifugo(ground: Ground) -> Iterator[Serving]:
    """Centrifugo itself on its memory engine, doing what ours does."""
    binary = BUILT / "centrifugo"
    if not binary.exists():
        raise Missing("not built (make bench-realtime does it where Go is 1.26 or newer)")
    port, key = free_port(), secrets.token_hex(16)
    kept = {"presence": True, "force_positioning": True, "force_recovery": True, "history_ttl": "1h"}
    settings = ground.folder / "centrifugo.json"
    settings.write_text(
        json.dumps(
            {
                "http_server": {"address": "127.0.0.1", "port": port},
                "log": {"level": "error"},
                "client": {
                    "token": {"hmac_secret_key": ground.secret},
                    "subscribe_to_user_personal_channel": {
                        "enabled": True,
                        "personal_channel_namespace": "user",
                    },
                },
                "channel": {
                    "namespaces": [
                        {"name": "queue", "history_size": 64, "allow_subscribe_for_client": True} | kept,
                        {"name": "user", "history_size": 300, "allow_user_limited_channels": True} | kept,
                    ]
                },
                "http_api": {"key": key},
                "usage_stats": {"disabled": True},
            }
        )
    )
    with running(
        [binary, "--config", settings], core=SERVER_CORE, log=ground.log, nice=ground.nice
    ) as process:
        epoch, offset = [_publish_to_centrifugo(port, key) for _ in range(PUBLISHED)][-1]
        fill = '{"channel":"' + CHANNEL + '","data":'
        head = (
            f"POST /api/publish HTTP/1.1\r\nHost: l\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"
        )
        size = len(fill) + PAYLOAD_BYTES + 1
        yield Serving(
            process.pid,
            port,
            port,
            says=session(epoch, offset - ground.missed),
            ready=SUBSCRIBED,
            template=f"{head}Content-Length: {size}\r\n\r\n{fill}{PAYLOAD}}}",
        )


def _publish_to_centrifugo(port: int, key: str) -> tuple[str, int]:
    body = json.dumps({"channel": CHANNEL, "data": {"line": "L0301"}}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/publish", body, {"X-API-Key": key, "Content-Type": "application/json"}
    )
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                result = json.load(answer)["result"]
                return str(result["epoch"]), int(result["offset"])
        except urllib.error.URLError as error:
            if time.monotonic() > until:
                raise Missing(f"it did not answer: {error.reason}") from error
            time.sleep(0.1)


CONTENDERS = (
    Contender("ours", "ours", ours),
    Contender("ours-python", "ours, pure Python", lambda ground: ours(ground, sender="python")),
    Contender("c", "C loop of send()", c_loop),
    Contender("nchan", "nginx + nchan", nchan),
    Contender("node", "node ws, ready frame", node_ws),
    Contender("centrifugo", "Centrifugo 6", centrifugo),
    Contender("websockets", "python websockets broadcast", broadcast),
    Contender("stock", "stock Tornado write_message", stock),
    Contender("ours-tls", "ours, TLS", lambda ground: ours(ground, tls=True)),
    Contender(
        "ours-python-tls", "ours, pure Python, TLS", lambda ground: ours(ground, sender="python", tls=True)
    ),
    Contender("nchan-tls", "nginx + nchan, TLS", lambda ground: nchan(ground, tls=True)),
    Contender("stock-tls", "stock Tornado, TLS", lambda ground: stock(ground, tls=True)),
)


def chosen(names: str) -> tuple[Contender, ...]:
    """The rows asked for, in the table's order; all of them for an empty text."""
    asked = [name for name in names.split(",") if name]
    unknown = set(asked) - {each.name for each in CONTENDERS}
    if unknown:
        known = ", ".join(each.name for each in CONTENDERS)
        raise SystemExit(f"no such row: {', '.join(sorted(unknown))}; there are {known}")
    return tuple(each for each in CONTENDERS if not asked or each.name in asked)
