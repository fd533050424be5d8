"""What a log line holds of an exception: its type and its place, nothing of what was being handled."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from server.telemetry import configure_logs

TOKEN = "eyJhbGciOiJIUzI1NiJ9"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root, config = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**config)


def _fail(frame: str) -> None:
    raise ValueError(frame)


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("foreign", [False, True])
def test_an_exception_is_told_without_the_values_around_it(
    stream: io.StringIO, form: Literal["json", "console"], foreign: bool
) -> None:
    configure_logs(form=form, level="info", role="test", stream=stream)
    try:
        _fail(f"connect {TOKEN}")
    except ValueError as error:
        if foreign:
            logging.getLogger("tornado.application").error("failed", exc_info=True)
        else:
            structlog.get_logger().exception("realtime.connection_failed")
            structlog.get_logger().error("work.failed", exc_info=error)
    told = stream.getvalue()
    assert TOKEN not in told
    assert "ValueError" in told
    assert "test_telemetry.py:" in told
    if form == "json":
        for line in told.splitlines():
            assert json.loads(line)["error"] == "ValueError"
