"""A private stand-in for MongoDB: NX-27017, which speaks its wire protocol. Wire-compatible, not mongod."""

import shutil
import socket
import sys
import tempfile
from pathlib import Path

from tests.services.process import Child, free_port
from tests.services.server import PrivateServer


class MongoLike(PrivateServer):
    """One on 127.0.0.1. What it holds survives a restart."""

    def __init__(self, *, folder: Path, port: int) -> None:
        self.port = port
        command = [
            str(Path(sys.executable).with_name("nx-27017")),
            *("--host", "127.0.0.1", "--port", str(port), "--db", str(folder / "nx.db")),
            *("--log-file", str(folder / "nx.log"), "--pid-file", str(folder / "nx.pid")),
        ]
        child = Child(command, log=folder / "out.log", answers=lambda: listens(port))
        super().__init__(child, folder=folder)

    @classmethod
    def start_private(cls) -> "MongoLike":
        """Start one on a free port in a new temporary folder."""
        folder = Path(tempfile.mkdtemp(prefix="houzhen-mongo-"))
        try:
            server = cls(folder=folder, port=free_port())
            server._child.start()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return server

    @property
    def url(self) -> str:
        """For ``archive.url``."""
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true"


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
