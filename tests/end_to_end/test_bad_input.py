#!/usr/bin/env python3
"""Bad input gets a clear error and loses nothing: each case names what a user or a broken peer does wrong, and checks the
sentence he gets, the exit code, and that everything else goes on."""
import json
import os
import pathlib
import random
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

from stack.pipeline import Collector, Shipper, programs, stored_bytes, wait_for_bytes
from stack.service import PATIENCE_S, Failed, wait_until

COLLECTOR = programs() / "collector/dendro-collector"
SHIPPER = programs() / "shipper/dendro-shipper"
DENDRO = programs() / "query/cli/dendro"


def ends(command, code, *words, timeout=PATIENCE_S):
    """The program must end by itself with `code` and say all of `words`."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL)
    said = done.stdout + done.stderr
    if done.returncode != code:
        raise Failed(f"exit {done.returncode}, expected {code}: {said[:500]}")
    for word in words:
        if word not in said:
            raise Failed(f"the error does not say {word!r}: {said[:500]}")
    print("   ", said.strip().splitlines()[0][:200])


def write_lines(path, count, word="line"):
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    data = b"".join(f"{stamp},{n % 1000:03d} INFO [app] {word} {n}\n".encode() for n in range(count))
    with open(path, "ab") as file:
        file.write(data)
    return data


def unknown_config_key(top):
    config = top / "collector.yaml"
    config.write_text("geo: test\nretenton: 7d\n")
    ends([COLLECTOR, "--data", top / "data", "--config", config], 2, "collector.yaml", ":2:", "retenton", "retention")
    ends([DENDRO, "config", "check", config], 2, ":2:", "retenton", "retention")
    config.write_text("geo: [test\n")
    ends([DENDRO, "config", "check", config], 2, "collector.yaml")


def unknown_flag(top):
    ends([COLLECTOR, "--dta", top], 2, "--dta", "--data")
    ends([SHIPPER, "--source", "rol=web,path=/x", "--state", top], 2, "rol", "role")
    ends([DENDRO, "gerp", "x"], 2, "gerp", "grep")


def nothing_listens(top):
    ends([DENDRO, "grep", "--server", "http://127.0.0.1:1", "x"], 2, "127.0.0.1:1")


def port_in_use(top):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        ends([COLLECTOR, "--data", top / "data", "--geo", "t", "--http", address, "--wire", "127.0.0.1:0"], 1, address, "another program")
        ends([COLLECTOR, "--data", top / "data", "--geo", "t", "--http", "127.0.0.1:0", "--wire", address], 1, address.split(":")[1], "in use")


def outside_address(top):
    ends([COLLECTOR, "--data", top / "data", "--geo", "t", "--http", "0.0.0.0:0", "--wire", "127.0.0.1:0"], 2, "0.0.0.0", "insecure_i_understand")


def locked_directory(top):
    collector = Collector(top / "one").start()
    try:
        ends([COLLECTOR, "--data", collector.data, "--geo", "t", "--http", "127.0.0.1:0", "--wire", "127.0.0.1:0"], 1,
             str(collector.data), str(collector.process.pid))
        if collector.get("/ready") is None:
            raise Failed("the first collector stopped serving")
    finally:
        collector.stop()


def bad_query(top):
    collector = Collector(top / "one").start()
    try:
        ends([DENDRO, "query", "--server", collector.url, "error | stat count()"], 2, "stat", "stats", "^")
        ends([DENDRO, "query", "--server", collector.url, "duration:>5"], 2, "unit")
    finally:
        collector.stop()


def unreadable_file(top):
    """A file that may not be read is reported, and read once it may."""
    logs = top / "logs"
    logs.mkdir()
    os.chmod(top, 0o755)
    good, bad = write_lines(logs / "good.log", 10), write_lines(logs / "bad.log", 10)
    os.chmod(logs / "bad.log", 0)
    collector = Collector(top / "collector").start()
    shipper = Shipper(top / "shipper", collector, [f"role=web,path={logs}/*.log"])
    shipper.user, shipper.group = "nobody", "nogroup"  # root could read it
    if os.getuid() == 0:
        subprocess.run(["chown", "-R", "nobody:nogroup", str(top / "shipper")], check=True)
    shipper.start()
    try:
        wait_for_bytes(collector, {str(logs / "good.log"): good})
        wait_until("the unreadable file is named", lambda: "bad.log" in (top / "shipper/output").read_text())
        os.chmod(logs / "bad.log", 0o644)
        wait_for_bytes(collector, {str(logs / "bad.log"): bad})
    finally:
        shipper.stop()
        collector.stop()


def crc32c(data: bytes) -> int:
    """CRC-32C, bit by bit (RFC 3720 appendix B.4 polynomial)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def frame(kind: int, body: bytes) -> bytes:
    """A control frame, by docs/wire.md."""
    head = b"DNW1" + struct.pack("<BBBBIIQI", kind, 0, 0, 0, len(body), len(body), 0, crc32c(body))
    return head + struct.pack("<I", crc32c(head)) + body


def broken_peers(top):
    """Garbage, an HTTP client, a cut frame, a flipped bit, a version of the future: each connection is closed with a word in
    the collector's diag, and a good shipper beside them delivers everything."""
    logs = top / "logs"
    logs.mkdir()
    collector = Collector(top / "collector").start()
    shipper = Shipper(top / "shipper", collector, [f"role=web,path={logs}/*.log"]).start()
    try:
        wrong_version = frame(1, struct.pack("<HHQ", 900, 999, 0) + bytes(64))
        flipped = bytearray(frame(1, bytes(100)))
        flipped[60] ^= 1
        attacks = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", os.urandom(4096), frame(1, bytes(100))[:50], bytes(flipped), wrong_version,
                   frame(3, os.urandom(200)), b"DNW1" + b"\xff" * 60]
        dice = random.Random(3)
        for _ in range(40):
            good = bytearray(frame(dice.choice([1, 3, 6, 7, 9, 10]), dice.randbytes(dice.randrange(300))))
            for _ in range(dice.randrange(3)):
                good[dice.randrange(len(good))] ^= 1 << dice.randrange(8)
            attacks.append(bytes(good))
        data = b""
        for number, attack in enumerate(attacks):
            with socket.create_connection(("127.0.0.1", collector.wire), timeout=PATIENCE_S) as peer:
                peer.settimeout(PATIENCE_S)
                peer.sendall(attack)
                if number < 2 or number == 4:  # must be told to go: an empty read or a NACK and then the end
                    try:
                        while peer.recv(65536):
                            pass
                    except TimeoutError:
                        raise Failed(f"attack {number} is not sent away") from None
            data += write_lines(logs / "app.log", 5, f"attack{number}")
        wait_for_bytes(collector, {str(logs / "app.log"): data})
        said = (top / "collector/output").read_text(errors="replace")
        if "version" not in said:
            raise Failed(f"a wire version of the future left no word in the diag: {said[-500:]}")
    finally:
        shipper.stop()
        collector.stop()


def disk_full(top):
    """On a small tmpfs: appends are refused with a reason, queries go on, and it recovers by itself when there is room."""
    disk = top / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(disk)], check=True)
    logs = top / "logs"
    logs.mkdir()
    collector = shipper = None
    try:
        collector = Collector(disk / "collector").start()
        shipper = Shipper(top / "shipper", collector, [f"role=web,path={logs}/*.log"]).start()
        data = write_lines(logs / "app.log", 1000, "before")
        wait_for_bytes(collector, {str(logs / "app.log"): data})
        room = os.statvfs(disk)
        filler = disk / "filler"
        with open(filler, "wb") as file:
            try:
                while True:
                    file.write(b"\0" * 65536)
            except OSError:
                pass
        print(f"    filled: {room.f_bavail * room.f_frsize >> 20} MiB were free")
        wait_until("/ready says why not", lambda: not_ready(collector))
        before = data
        data += write_lines(logs / "app.log", 1000, "while full")
        wait_until("an append is refused", lambda: refused_for_space(collector) > 0)
        stored = stored_bytes(collector, logs / "app.log")
        if len(stored) < len(before) or not data.startswith(stored) or stored == data:
            raise Failed(f"with a full disk {len(stored)} bytes are served, of {len(before)} stored and {len(data)} written")
        filler.unlink()
        data += write_lines(logs / "app.log", 1000, "after")
        wait_for_bytes(collector, {str(logs / "app.log"): data})
    finally:
        for service in (shipper, collector):
            if service is not None:
                service.stop()
        subprocess.run(["umount", str(disk)], check=False)


def refused_for_space(collector):
    text = collector.get("/metrics").decode()
    return int(re.search(r'^dendro_collector_nacks_total\{code="DISK_FULL"\} (\d+)', text, re.M)[1])


def not_ready(collector):
    import urllib.error

    try:
        collector.get("/ready")
    except urllib.error.HTTPError as error:
        body = error.read().decode()
        return error.code == 503 and "disk" in body.lower()
    return False


def corrupt_segment(top):
    """A flipped byte in one segment: named by the query's end record and by verify; all other rows are served."""
    logs = top / "logs"
    logs.mkdir()
    collector = Collector(top / "collector", extra=["--seal-age", "1s", "--shards", "1"]).start()
    shipper = Shipper(top / "shipper", collector, [f"role=web,path={logs}/*.log"]).start()
    data = {}
    try:
        for round_number in range(2):
            path = logs / f"app{round_number}.log"
            data[round_number] = write_lines(path, 5000, f"round{round_number}")
            wait_for_bytes(collector, {str(path): data[round_number]})
            wait_until("the rows are sealed", lambda: b"\ndendro_store_head_raw_bytes 0\n" in collector.get("/metrics"))
        collector.stop()
        segments = sorted((path for path in collector.data.rglob("*") if path.suffix == ".seg"), key=lambda p: p.stat().st_mtime)
        if len(segments) < 2:
            raise Failed(f"expected two segments, found {segments}")
        with open(segments[-1], "r+b") as file:
            file.seek(segments[-1].stat().st_size // 3)
            old = file.read(64)
            file.seek(-len(old), os.SEEK_CUR)
            file.write(bytes(byte ^ 0xFF for byte in old))
        ends([DENDRO, "verify", collector.data], 1, segments[-1].name)
        collector.start()
        served = collector.dendro("grep", "-h", "--source", str(logs / "app0.log"), "", check=(3,), binary=True)
        if served != data[0]:
            raise Failed("rows of the undamaged segment are not served")
        answer = collector.get("/dendro/v1/query?query=round1").decode().splitlines()
        end = json.loads(answer[-1])["_end"]
        if end["complete"] or segments[-1].name not in json.dumps(end["warnings"]):
            raise Failed(f"the answer does not say that it is not whole: {end}")
    finally:
        shipper.stop()
        collector.stop()


CASES = [unknown_config_key, unknown_flag, nothing_listens, port_in_use, outside_address, locked_directory, bad_query,
         unreadable_file, broken_peers, disk_full, corrupt_segment]


def main() -> int:
    chosen = [case for case in CASES if len(sys.argv) == 1 or case.__name__ in sys.argv[1:]]
    failed = 0
    for case in chosen:
        print(f"  {case.__name__}", flush=True)
        with tempfile.TemporaryDirectory(prefix="dendro-bad-") as name:
            try:
                case(pathlib.Path(name))
            except (Failed, OSError, subprocess.SubprocessError) as error:
                failed += 1
                print(f"  FAILED {case.__name__}: {error}", flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
