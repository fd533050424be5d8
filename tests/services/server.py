"""What every private server of the tests can be made to do: die, stall, come back."""

import shutil
from pathlib import Path

from tests.services.process import Child


class PrivateServer:
    """One child process and the folder of its own that it lives in.

    A restart keeps the port. What survives it is said by each kind of server.
    """

    def __init__(self, child: Child, *, folder: Path) -> None:
        self._child = child
        self._folder = folder

    @property
    def pid(self) -> int:
        return self._child.pid

    def ensure_running(self) -> None:
        """Bring it back after a test that killed or paused it."""
        if self._child.running:
            self._child.resume()
        else:
            self._child.start()

    def kill(self) -> None:
        """End it as a power cut would."""
        self._child.kill()

    def restart(self) -> None:
        """Kill it and start it again on the same port."""
        self._child.kill()
        self._child.start()

    def pause(self) -> None:
        """Make it stall: connections stay open, nothing is answered."""
        self._child.pause()

    def resume(self) -> None:
        """End the stall."""
        self._child.resume()

    def stop(self) -> None:
        """End it (nothing here is worth a slow, tidy shutdown) and remove its folder."""
        self._child.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
