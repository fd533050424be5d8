"""A private MariaDB server for tests."""

import getpass
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Any

import pymysql  # type: ignore[import-untyped]

from tests.services.process import START_SECONDS, Child, DidNotStart, free_port, program
from tests.services.server import PrivateServer


class MariadbServer(PrivateServer):
    """A MariaDB of our own on 127.0.0.1, tuned to start and answer quickly.

    A commit reaches the operating system before it is acknowledged, so committed data survive ``kill()`` of
    the process (not a power cut of the machine, which tests do not stage).
    """

    def __init__(self, *, folder: Path, port: int) -> None:
        self.port = port
        self.data = folder / "data"
        """Where its files lie."""
        self._options = [
            f"--user={getpass.getuser()}",
            f"--datadir={folder / 'data'}",
            f"--tmpdir={folder}",
            "--innodb-log-file-size=16M",
            "--innodb-buffer-pool-size=64M",
        ]
        # The socket's name is short: a Unix address holds 107 bytes and temporary folders may be long.
        command = [
            program("mariadbd", "mysqld", package="mariadb-server"),
            "--no-defaults",
            *self._options,
            f"--socket={folder / 's'}",
            f"--pid-file={folder / 'pid'}",
            "--bind-address=127.0.0.1",
            f"--port={port}",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--performance-schema=OFF",
            "--innodb-flush-log-at-trx-commit=2",
            "--innodb-doublewrite=0",
            "--innodb-lock-wait-timeout=5",
            "--character-set-server=utf8mb4",
            "--max-connections=100",
        ]
        child = Child(command, log=folder / "mariadb.log", answers=self._answers)
        super().__init__(child, folder=folder)

    @classmethod
    def start_private(cls) -> "MariadbServer":
        """Create an empty data folder (about 2 s) and start a server on a free port."""
        folder = Path(tempfile.mkdtemp(prefix="hz-my-"))
        try:
            server = cls(folder=folder, port=free_port())
            server._create_data_folder()
            server._child.start()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return server

    def url(self, database: str) -> str:
        """For SQLAlchemy's async engine."""
        return f"mysql+aiomysql://root@127.0.0.1:{self.port}/{database}?charset=utf8mb4"

    def create_database(self) -> str:
        """Create an empty database with a name of its own and answer the name."""
        name = f"t_{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return name

    def drop_database(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name}")

    def execute(self, *statements: str) -> None:
        """Run administrative statements as root, on one connection."""
        connection = self._connect()
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    def _create_data_folder(self) -> None:
        installer = program("mariadb-install-db", "mysql_install_db", package="mariadb-server")
        done = subprocess.run(
            [
                installer,
                "--no-defaults",
                *self._options,
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=START_SECONDS * 2,
            check=False,
        )
        if done.returncode != 0:
            raise DidNotStart(f"{installer}: {(done.stdout + done.stderr).decode(errors='replace')[-2000:]}")

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except pymysql.MySQLError:
            return False
        return True

    def _connect(self) -> Any:
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", connect_timeout=5, read_timeout=30, autocommit=True
        )
