"""The load client: so many subscribers, then phases of publications; a JSON line for each."""

import contextlib
import json
from pathlib import Path
from typing import Any

from bench.realtime.contenders import Ground, Serving
from bench.realtime.processes import LOAD_CORE, ROOT, Missing, compiled, running

SOURCE = ROOT / "bench/wsload.c"
Result = dict[str, Any]


def build() -> tuple[Path, bool]:
    """The program, and whether it speaks TLS. Raises ``Missing`` without a compiler."""
    with contextlib.suppress(Missing):
        return compiled(SOURCE, "wsload-tls", "-DWITH_TLS", "-lssl", "-lcrypto"), True
    return compiled(SOURCE, "wsload"), False


def load(
    serving: Serving, ground: Ground, *, program: Path, subscribers: int, phases: dict[str, str]
) -> dict[str, Result]:
    """Connect them all and run the phases, which are named ``name: what wsload calls it``."""
    template = ground.folder / "publication"
    template.write_text(serving.template)
    command: list[str | Path] = [
        program, "--port", str(serving.port), "--path", serving.path, "--n", str(subscribers),
        "--server-pid", str(serving.pid), "--pub-port", str(serving.publications), "--pub-tpl", template,
        "--pingpong", "{}={}", "--seqkey", "SEQ=",
    ]  # fmt: skip
    if serving.says:
        says = ground.folder / "says"
        says.write_text(serving.says)
        command += ["--init", says, "--values", ground.tokens, "--ready", serving.ready]
    if serving.tls:
        command.append("--tls")
    for phase in phases.values():
        command += ["--phase", phase]
    names = ["connect", *phases]
    found: dict[str, Result] = {}
    with running(command, core=LOAD_CORE, log=ground.log, nice=ground.nice) as client:
        assert client.stdout is not None
        for line, name in zip(client.stdout, names, strict=False):
            found[name] = json.loads(line)
            serving.mark(name)
    if len(found) < len(names):
        tail = ground.log.read_text(errors="replace").strip().splitlines()[-2:]
        raise Missing("the load client ended early: " + " / ".join(tail))
    return found
