"""Nothing here may end in an error that only the log knows of."""

from collections.abc import AsyncIterator, Iterator

import pytest
from structlog.testing import capture_logs

from tests.clients.stock import NEWEST, OLDER, NodeClient, PythonClient, Stock


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    with capture_logs() as lines:
        yield
    assert [line for line in lines if line["log_level"] == "error"] == []


@pytest.fixture(
    params=["python", *(pytest.param(package, marks=pytest.mark.node) for package in (NEWEST, OLDER))]
)
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Stock]:
    """Each stock client in turn: PyPI's, npm's newest and an older one."""
    made: Stock
    if request.param == "python":
        made = PythonClient()
    elif (missing := NodeClient.missing(request.param)) is not None:
        pytest.skip(missing)
    else:
        made = NodeClient(request.param)
    await made.prepare()
    yield made
    await made.close()
