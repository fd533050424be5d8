"""Nothing here may end in an error that only the log knows of."""

from collections.abc import AsyncIterator, Iterator

import pytest
from structlog.testing import capture_logs

from tests.clients.node_client import NEWEST, OLDER, NodeClient
from tests.clients.online import Online, until
from tests.clients.phone import Phone
from tests.clients.python_client import PythonClient
from tests.clients.served import MARK, WATCHED, Served
from tests.clients.stock import Stock


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    with capture_logs() as lines:
        yield
    assert [line for line in lines if line["log_level"] in ("error", "critical")] == []
    assert MARK not in repr(lines), "nothing that a client sends is logged"


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


@pytest.fixture
async def witness(server: Served) -> AsyncIterator[Online]:
    """Somebody else on the test's ``server``, who hears everything and must notice nothing."""
    one = Online(Phone(channels=(WATCHED,)), lambda: server.port)
    one.go()
    await until(lambda: one.phone.connected and one.phone.channels[WATCHED].live, [one])
    yield one
    for _ in range(2):
        await server.publish(WATCHED, b"{}")
    top = await server.publish(WATCHED, b"{}")
    await until(lambda: one.phone.channels[WATCHED].position == top, [one])
    assert len(one.connected_at) == 1, "never disturbed"
    await one.leave()
    await server.until(lambda: len(server.sockets) == 0)
