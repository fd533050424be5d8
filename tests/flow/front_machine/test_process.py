"""``run.py front-machine`` as a process: lives without its hospital, renews certificates, ends on SIGTERM."""

import asyncio
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.clock import SystemClock
from front_machine.link import HospitalLink, HospitalUnavailable, client_context
from server.pki import Pki, make_pki

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.process

SOON_SECONDS = 60.0
"""For whatever comes as soon as a busy machine lets it."""


class Running:
    """The process and its door."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, pki: Pki) -> None:
        self.process = process
        self.port = port
        self.pki = pki

    def link(self) -> HospitalLink:
        context = client_context(ca=self.pki.ca, certificate=self.pki.platform, key=self.pki.platform_key)
        return HospitalLink(
            url=f"https://127.0.0.1:{self.port}", context=context, clock=SystemClock(), chance=lambda: 0.0
        )

    async def certificate(self) -> bytes:
        """The certificate it shows."""
        context = client_context(ca=self.pki.ca, certificate=self.pki.platform, key=self.pki.platform_key)
        _, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context)
        shown: ssl.SSLObject = writer.get_extra_info("ssl_object")
        answer = shown.getpeercert(binary_form=True)
        writer.close()
        await writer.wait_closed()
        assert answer is not None
        return answer


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    pki = make_pki(tmp_path / "pki")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    overrides = {
        "listen.port": port,
        "his.link.url": f"sqlite:///{tmp_path / 'missing.db'}",
        "tls.ca": pki.ca,
        "tls.certificate": pki.front_machine,
        "tls.key": pki.front_machine_key,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "run.py"),
        "front-machine",
        "--config",
        str(ROOT / "conf" / "front-machine.demo.toml"),
        *(f"--set={key}={value}" for key, value in overrides.items()),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=tmp_path,
    )
    made = Running(process, port, pki)
    try:
        await until_it_answers(made)
        yield made
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until_it_answers(running: Running) -> None:
    link = running.link()
    async with asyncio.timeout(SOON_SECONDS):
        while True:
            await asyncio.sleep(max(0.1, link.retry_in()))
            try:
                pong = await link.ping()
                break
            except HospitalUnavailable:
                assert running.process.returncode is None
    await link.close()
    assert not pong.his


async def test_it_lives_without_its_hospital_and_ends_when_told(running: Running, tmp_path: Path) -> None:
    running.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(SOON_SECONDS):
        assert await running.process.wait() == 0
    assert {file.name for file in tmp_path.iterdir()} == {
        "pki"
    }  # nothing was written, no empty database made


async def test_renewed_certificates_are_taken_without_a_restart(running: Running, tmp_path: Path) -> None:
    before = await running.certificate()
    make_pki(tmp_path / "pki", front_machine_names=["another.name"])
    assert await running.certificate() == before
    running.process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(SOON_SECONDS):
        while await running.certificate() == before:
            await asyncio.sleep(0.05)
