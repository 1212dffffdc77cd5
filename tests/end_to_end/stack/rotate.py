"""The two rotations of logrotate, done as logrotate does them, while the writer runs."""
import os
import pathlib
import shutil
import time

from .service import Failed


def shift(path: pathlib.Path):
    """log.1 becomes log.2 and so on, as `rotate N` does."""
    number = 1
    while pathlib.Path(f"{path}.{number}").exists():
        number += 1
    for n in range(number, 1, -1):
        os.rename(f"{path}.{n - 1}", f"{path}.{n}")


def by_rename(path: pathlib.Path, reopen=None):
    shift(path)
    os.rename(path, f"{path}.1")
    if reopen is not None:
        reopen()


def by_copytruncate(path: pathlib.Path, attempts: int = 200):
    """Copy, then cut. The window in which a line is in neither file is everybody's loss and is not what is tested here,
    so the cut waits for a moment in which the copy is complete; the caller holds the load back meanwhile."""
    shift(path)
    for _ in range(attempts):
        shutil.copy2(path, f"{path}.1")
        time.sleep(0.05)
        if os.path.getsize(path) == os.path.getsize(f"{path}.1"):
            os.truncate(path, 0)
            return
    raise Failed(f"{path} never stood still for a copy")


def content(path: pathlib.Path) -> bytes:
    """All generations of a log, oldest first."""
    parts, number = [], 1
    while pathlib.Path(f"{path}.{number}").exists():
        parts.append(pathlib.Path(f"{path}.{number}").read_bytes())
        number += 1
    return b"".join(reversed(parts)) + path.read_bytes()
