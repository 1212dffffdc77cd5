#!/usr/bin/env python3
"""Collector and shipper are killed with SIGKILL at random, at least 50 times in all, during traffic and rotation.
Then: every start succeeded, every line is stored exactly once, in file order, with its bytes (each line carries its number and
a checksum), and `dendro verify` finds the directory clean."""
import argparse
import pathlib
import random
import sys
import tempfile
import threading
import time
import zlib

from stack import rotate
from stack.pipeline import Collector, Shipper, wait_for_bytes
from stack.service import Failed


class Writer(threading.Thread):
    """Appends stamped lines to one file and rotates it; keeps all that it wrote."""

    def __init__(self, path: pathlib.Path, style: str, seed: int):
        super().__init__(daemon=True)
        self.path, self.style = path, style
        self.random, self.stopping = random.Random(seed), threading.Event()
        self.written: list[bytes] = []
        self.latest_ms = 0

    def stamp(self) -> str:
        """One reading of the clock per line, never before that of the line above it: answers are sorted by stamp."""
        self.latest_ms = max(self.latest_ms, time.time_ns() // 1000000)
        seconds, ms = divmod(self.latest_ms, 1000)
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds)) + f",{ms:03d}"

    def line(self, number: int) -> bytes:
        stamp = self.stamp()
        text = f"{stamp} INFO [writer] {self.path.stem} {number} {'x' * self.random.randrange(200)}".encode()
        return text + b" %08x\n" % zlib.crc32(text)

    def run(self):
        number, rotated = 0, time.monotonic()
        while not self.stopping.is_set():
            chunk = [self.line(number + i) for i in range(self.random.randrange(1, 40))]
            number += len(chunk)
            data = b"".join(chunk)
            with open(self.path, "ab", buffering=0) as file:
                cut = self.random.randrange(len(data))  # a line is often half written
                file.write(data[:cut])
                time.sleep(0.002)
                file.write(data[cut:])
            self.written += chunk
            time.sleep(self.random.random() * 0.02)
            if time.monotonic() - rotated > 1.5:
                rotated = time.monotonic()
                if self.style == "rename":
                    rotate.by_rename(self.path)
                elif self.style == "copytruncate":
                    rotate.by_copytruncate(self.path)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=52)
    options.add_argument("--seed", type=int, default=int(time.time()))
    args = options.parse_args()
    print(f"seed {args.seed}", flush=True)
    dice = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="dendro-kill-") as name:
        top = pathlib.Path(name)
        logs = top / "logs"
        logs.mkdir()
        writers = [Writer(logs / f"app{i}.log", style, args.seed + i)
                   for i, style in enumerate(["rename", "copytruncate", "rename", "none"])]
        collector = Collector(top / "collector").start()
        shipper = Shipper(top / "shipper", collector, [f"role=web,path={logs}/app*.log"]).start()
        try:
            for writer in writers:
                writer.start()
            kills = {"collector": 0, "shipper": 0}
            for _ in range(args.kills):
                time.sleep(0.05 + dice.random() * 0.7)
                victim = dice.choice([collector, shipper])
                victim.kill()
                kills[victim.name.removeprefix("dendro-")] += 1
                time.sleep(dice.random() * 0.2)
                victim.start()
            for writer in writers:
                writer.stopping.set()
                writer.join()
            print(f"killed {kills}; {sum(len(w.written) for w in writers)} lines written", flush=True)
            wait_for_bytes(collector, {str(w.path): b"".join(w.written) for w in writers})
        finally:
            for writer in writers:
                writer.stopping.set()
            shipper.stop()
            collector.stop()
        verified = collector.dendro("verify", str(collector.data))
        print(verified.strip())
        if sum(kills.values()) < args.kills:
            raise Failed("fewer kills than asked for")
    print("every line stored once, in order, with its bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
