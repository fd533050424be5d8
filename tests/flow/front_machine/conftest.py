"""A running front machine over a small strange hospital, and the platform's link to it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from front_machine.link import HospitalLink
from tests.flow.front_machine.machines import FrontMachine
from tests.services.stranger import a_hospital


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[FrontMachine]:
    made = FrontMachine(tmp_path, a_hospital(tmp_path / "his.db"))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def link(front: FrontMachine) -> AsyncIterator[HospitalLink]:
    made = front.link()
    yield made
    await made.close()
