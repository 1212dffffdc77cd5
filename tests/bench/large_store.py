"""How long a collector with much data takes until it serves: raw files of one GB at a time, each of another seed, are stored and deleted."""
import os
import pathlib
import shutil
import time

from stack.pipeline import Collector
from stack.service import wait_until

STEP_MB = 1000


def drop_page_cache() -> bool:
    """So that the start reads its files from the disk; only root may."""
    if os.geteuid() != 0:
        return False
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    return True


def restart_ms(collector: Collector) -> float:
    begun = time.monotonic()
    collector.spawn()
    while True:
        try:
            if collector.ready():
                return (time.monotonic() - begun) * 1000
        except OSError:
            time.sleep(0.001)


def fill(top: pathlib.Path, size_mb: int, make_corpus, send) -> tuple[Collector, int]:
    """A stopped collector that holds `size_mb` of raw text, and the bytes of it."""
    collector = Collector(top / "collector", extra=["--retention", "0", "--seal-age", "5s"]).start()
    raw = 0
    for seed in range(1, -(-size_mb // STEP_MB) + 1):
        folder = top / f"corpus{seed}"
        files = make_corpus(folder, min(STEP_MB, size_mb), seed)
        raw += send(collector, top / f"shipper{seed}", folder, files)
        shutil.rmtree(folder)
    wait_until("all rows are sealed", lambda: b"\ndendro_store_head_raw_bytes 0\n" in collector.get("/metrics"), seconds=300)
    collector.stop(seconds=300)
    return collector, raw


def measure(top: pathlib.Path, size_mb: int, make_corpus, send) -> str:
    collector, raw = fill(top, size_mb, make_corpus, send)
    cold = restart_ms(collector) if drop_page_cache() else None
    if cold is not None:
        collector.stop()
    warm = restart_ms(collector)
    collector.stop()
    said = f"{cold:.0f} ms with an empty page cache, " if cold is not None else "(not root: no run with an empty page cache) "
    return f"start to serving with {raw / 1e9:.2f} GB of raw text stored: {said}{warm:.0f} ms with a warm one"
