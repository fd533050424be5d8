"""What every test may use: private servers, and where Chromium is; the long forms and what tests print."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

import pytest

pytest_plugins = ["tests.services"]

PRINTED = "printed"
ACCEPTS = "accepts"
ROWS = tuple(f"T{number}" for number in range(1, 19))
"""Of the plan's table of acceptance tests, in docs/messaging.md."""


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test says which rows of the plan's table it proves; the end of the run shows what became of each."""
    for item in items:
        for mark in item.iter_markers("acceptance"):
            item.user_properties += [(ACCEPTS, name) for name in mark.args]


def acceptance(stats: Mapping[str, Sequence[pytest.TestReport]], *, whole: bool) -> list[str]:
    """A line for each row of which a test ran, or for each: what became of its tests, and where they are."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    where: dict[str, set[str]] = defaultdict(set)
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in stats.get(outcome, ()):
            if report.when == "call" or outcome != "passed":
                # What could not even be collected has none.
                properties = getattr(report, "user_properties", ())
                for name in (name for what, name in properties if what == ACCEPTS):
                    found[name]["failed" if outcome == "error" else outcome] += 1
                    where[name].add(report.nodeid.partition("::")[0])
    lines = []
    for name in ROWS:
        counts = found[name]
        if not counts and not whole:
            continue
        result = next((each for each in ("failed", "passed") if counts[each]), "not run")
        numbers = f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} left out"
        lines.append(f"{name:4}{result:8} {numbers:36} {', '.join(sorted(where[name]))}")
    return lines


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = acceptance(terminalreporter.stats, whole=terminalreporter.config.getoption("--long"))
    if rows:
        terminalreporter.section("acceptance, T1 to T18")
        for row in rows:
            terminalreporter.line(row)
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
