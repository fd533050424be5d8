"""Small hospitals that are closed when the test ends."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.demo.hospitals import SmallHospital

Opener = Callable[..., SmallHospital]


@pytest.fixture
def open_hospital(tmp_path: Path) -> Iterator[Opener]:
    opened: list[SmallHospital] = []

    def opener(name: str = "his.db", **settings: object) -> SmallHospital:
        hospital = SmallHospital(tmp_path / name, **settings)  # type: ignore[arg-type]
        opened.append(hospital)
        return hospital

    yield opener
    for hospital in opened:
        hospital.close()
