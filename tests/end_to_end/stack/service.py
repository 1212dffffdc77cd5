"""A child process with a folder, a port and a way to see that it is ready."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time


PATIENCE_S = 120  # without any progress; every wait ends as soon as its condition holds


class Failed(Exception):
    """A service did not come up, or a check did not hold; the text says which and why."""


class Ended(Failed):
    """A process is gone while we wait for it: waiting longer cannot help."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what: str, check, seconds: float = PATIENCE_S, every: float = 0.1):
    """Call `check` until it gives something true; its last error is part of the failure."""
    deadline = time.monotonic() + seconds
    last = "never true"
    while time.monotonic() < deadline:
        try:
            got = check()
            if got:
                return got
        except Ended:
            raise
        except (OSError, ValueError, KeyError, subprocess.SubprocessError, Failed) as error:
            last = f"{type(error).__name__}: {error}"
        time.sleep(every)
    raise Failed(f"{what}: not within {seconds:g} s ({last})")


def as_user(user: str | None, group: str | None = None):
    """Servers such as PostgreSQL and Elasticsearch refuse to run as root."""
    if os.getuid() != 0 or user is None:
        return []
    return ["setpriv", f"--reuid={user}", f"--regid={group or user}", "--clear-groups"]


class Service:
    """Start with start(), stop with stop(); output goes to <folder>/output."""

    name = "service"
    user: str | None = None  # whom to become when we are root
    group: str | None = None  # None: of the same name

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.process: subprocess.Popen | None = None
        folder.mkdir(parents=True, exist_ok=True)
        if self.user and os.getuid() == 0:
            shutil.chown(folder, self.user, self.group or self.user)

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def ready(self) -> bool:
        return True

    def spawn(self):
        with open(self.folder / "output", "ab") as output:
            self.process = subprocess.Popen(
                as_user(self.user, self.group) + self.command(), cwd=self.folder, env=self.environment(),
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)

    def start(self, seconds: float = PATIENCE_S):
        self.spawn()
        try:
            wait_until(f"{self.name} is up", self._alive_and_ready, seconds)
        except Failed as error:
            tail = (self.folder / "output").read_text(errors="replace")[-2000:]
            raise Failed(f"{error}\n--- end of its output:\n{tail}") from None
        return self

    def check_alive(self):
        if self.process is None or self.process.poll() is not None:
            raise Ended(f"{self.name} ended with {self.process.returncode if self.process else None}")

    def _alive_and_ready(self) -> bool:
        self.check_alive()
        return self.ready()

    def kill(self):
        """SIGKILL, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self, how: int = signal.SIGTERM, seconds: float = PATIENCE_S):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
