"""What every test may use: private servers, and where Chromium is; the long forms and what tests print."""

from collections.abc import Callable

import pytest

pytest_plugins = ["tests.services"]

PRINTED = "printed"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run tests with a long form in their full size")


@pytest.fixture
def long_run(request: pytest.FixtureRequest) -> bool:
    """Whether a test marked ``sized`` should take its full size."""
    return bool(request.config.getoption("--long"))


@pytest.fixture
def printed(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Take a table or a figure that the end of the run shows, also when all is well."""

    def take(text: str) -> None:
        request.node.user_properties.append((PRINTED, text))

    return take


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    told = [
        text
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, ())
        if report.when == "call"
        for name, text in report.user_properties
        if name == PRINTED
    ]
    if told:
        terminalreporter.section("what the tests print")
        for text in told:
            terminalreporter.line(text)
