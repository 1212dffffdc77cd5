#!/usr/bin/env python3
"""The bench: both sides in one run, on one corpus, with versions and flags; also where Dendro loses.

    scripts/bench [--size MB] [--start-size MB] [--keep DIR] [--runs N] [--smoke]

What it measures: durable ingest through shipper and collector (MB of raw text per second of the collector's CPU), bytes on
disk of the whole data directory against zstd -3 and -19 of the raw files, the queries of the design's table through HTTP against
ripgrep on the raw files in the page cache, peak memory, latency of acks, time from start to serving, and the shipper alone at
1,000 lines/s. --start-size measures the start of a large store, too (10000 takes some minutes).
VictoriaLogs joins when DENDRO_BENCH_VICTORIALOGS names its binary.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))
from stack.pipeline import Collector, Shipper, programs  # noqa: E402
from stack.service import wait_until  # noqa: E402
import large_store  # noqa: E402
from http_client import HttpClient  # noqa: E402
from victorialogs import VictoriaLogs  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")

NO_PEER = ""  # the peer has no such question

# name, our query, the same question to ripgrep (None: no text tool can answer it), to VictoriaLogs (None: as ours)
QUERIES = [
    ("absent substring", "*deadbeef99zz* | stats count() as n", ["-c", "-F", "deadbeef99zz"], "~\"deadbeef99zz\" | stats count() as n"),
    # VictoriaLogs finds whole words by its filters, so a substring that has some is another question to it than one that has none
    ("rare substring, within words", "*\"xpected: ValueErr\"* | stats count() as n", ["-c", "-F", "xpected: ValueErr"],
     "~\"xpected: ValueErr\" | stats count() as n"),
    ("rare substring, with words", "*\"raised unexpected: Val\"* | stats count() as n", ["-c", "-F", "raised unexpected: Val"],
     "~\"raised unexpected: Val\" | stats count() as n"),
    ("absent word", "deadbeef99zz | stats count() as n", ["-c", "-w", "-F", "deadbeef99zz"], None),
    ("id as a word", "{id} | stats count() as n", ["-c", "-F", "{id}"], "\"{id}\" | stats count() as n"),
    ("common word, counted", "duration | stats count() as n", ["-c", "-w", "duration"], None),
    ("phrase, its rows", "\"WORKER TIMEOUT\" | fields _time, _msg", ["-F", "WORKER TIMEOUT"], None),
    ("phrase, its many rows", "\"upstream timed out\" | fields _time, _msg", ["-F", "upstream timed out"], None),
    ("case-insensitive substring", "i(*\"WORKER timeout\"*) | stats count() as n", ["-c", "-i", "-F", "worker timeout"],
     "~\"(?i)worker timeout\" | stats count() as n"),
    ("regex, literal prefix", "~\"upstream timed out .*while\" | stats count() as n", ["-c", "upstream timed out .*while"], None),
    ("IP address lookup", "\"{client}\" | stats count() as n", ["-c", "-w", "-F", "{client}"], None),
    ("common dotted number", "\"{ip}\" | stats count() as n", ["-c", "-w", "-F", "{ip}"], None),
    ("regex, alternation", "~\"(Connection refused|prematurely closed)\" | stats count() as n",
     ["-c", "(Connection refused|prematurely closed)"], None),
    ("status >= 500 by tenant", "format:=nginx_timing status:>=500 | stats by (tenant) count() as n | sort by (n desc) limit 10", None, None),
    ("count per minute and role", "* | stats by (_time:1m, role) count() as n", None, None),
    ("p95 by role per 5 minutes", "duration:* | stats by (_time:5m, role) quantile(0.95, duration) as p95", None, None),
    ("top 10 tenants by bytes", "bytes:* | stats by (tenant) sum(bytes) as sent | sort by (sent desc) limit 10", None, None),
    ("newest 100 rows of a role", "{{role=\"web\"}} | sort by (_time desc) limit 100 | fields _time, _msg", None, None),
    ("1,000 lines of context", "{id} | context before 250 after 250 | fields _time, _msg", ["-F", "-C", "250", "{id}"], NO_PEER),
]


def cpu_seconds(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def peak_rss_mib(pid: int) -> float:
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0


def metric(collector: Collector, name: str) -> float:
    for line in collector.get("/metrics").decode().splitlines():
        if line.startswith(name + " ") or line.startswith(name + "{"):
            return float(line.rsplit(" ", 1)[1])
    raise KeyError(name)


def file_bytes(path: pathlib.Path) -> int:
    return path.stat().st_blocks * 512 if path.exists() else 0


def folder_bytes(path: pathlib.Path) -> int:
    """Bytes that the folder occupies (blocks, so that preallocation counts)."""
    return sum(file_bytes(f) for f in path.rglob("*") if f.is_file())


def make_corpus(folder: pathlib.Path, size_mb: int, seed: int = 1):
    folder.mkdir(parents=True)
    subprocess.run([programs() / "tests/bench/corpus", folder, str(size_mb), str(seed)], check=True)
    rows = [line.split("\t") for line in (folder / "files.tsv").read_text().splitlines()]
    return [{"role": r[0], "host": r[1], "format": r[2], "path": r[3], "lines": int(r[4]), "bytes": int(r[5])} for r in rows]


def zstd_bytes(files, level: int) -> int:
    """Of each file on its own; two at a time, since that is what takes longest of a bench."""
    def size(file):
        done = subprocess.run(["zstd", f"-{level}", "-q", "-c", file["path"]], stdout=subprocess.PIPE, check=True)
        return len(done.stdout)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return sum(pool.map(size, files))


def quantile_s(buckets: list[tuple[float, int]], share: float) -> float | None:
    """That share of all values of a histogram lies below, as Prometheus tells it: even within a bucket (upper bound, count up to
    it; the last bound is infinity). None: above the last bound."""
    wanted, low, below = share * buckets[-1][1], 0.0, 0
    for bound, count in buckets[:-1]:
        if count >= wanted and count > below:
            return low + (bound - low) * (wanted - below) / (count - below)
        low, below = bound, count
    return None


def ack_ms(collector: Collector, share: float) -> str:
    """The time within which that share of all acks came, from a frame's last byte to its ack."""
    found = re.findall(r'dendro_collector_ack_seconds_bucket\{le="([^"]+)"\} (\d+)', collector.get("/metrics").decode())
    seconds = quantile_s([(float(bound), int(count)) for bound, count in found], share)
    return "more than the last bucket" if seconds is None else f"{seconds * 1000:.0f} ms"


def send(collector: Collector, state: pathlib.Path, corpus: pathlib.Path, files) -> Shipper:
    """A shipper that has sent every file; until nothing more arrives. Line ends are not stored, but those within events are,
    so the exact number of bytes is not known beforehand."""
    sources = [f"role={role},format={form},start_at=beginning,path={corpus}/{role}/*/*-{name}" for role, form, name in
               sorted({(f["role"], f["format"], f["path"].rsplit("/", 1)[1].split("-", 1)[1]) for f in files})]
    wanted = metric(collector, "dendro_store_raw_bytes") + sum(f["bytes"] - f["lines"] for f in files)
    stored = 0

    def all_came() -> bool:
        nonlocal stored
        before, stored = stored, metric(collector, "dendro_store_raw_bytes")
        return stored >= wanted and stored == before

    shipper = Shipper(state, collector, sources).start()
    wait_until("all rows are durable", all_came, seconds=1200, every=0.2)
    return shipper


def send_and_stop(collector: Collector, state: pathlib.Path, corpus: pathlib.Path, files) -> int:
    send(collector, state, corpus, files).stop()
    return sum(f["bytes"] for f in files)


def ingest(top: pathlib.Path, files):
    """One collector, one shipper that reads everything; until every byte is acked, then until all is sealed."""
    collector = Collector(top / "collector", extra=["--retention", "0", "--seal-age", "5s"]).start()
    begun = time.monotonic()
    shipper = send(collector, top / "shipper", top / "corpus", files)
    figures = {"wall_s": time.monotonic() - begun, "collector_cpu_s": cpu_seconds(collector.process.pid),
               "shipper_cpu_s": cpu_seconds(shipper.process.pid), "shipper_rss_mib": peak_rss_mib(shipper.process.pid),
               "ack_p50": ack_ms(collector, 0.5), "ack_p99": ack_ms(collector, 0.99)}
    shipper.stop()
    before = time.monotonic()
    wait_until("all rows are sealed", lambda: metric(collector, "dendro_store_head_raw_bytes") == 0, seconds=300)
    figures["settle_s"] = time.monotonic() - before
    figures["sealed_cpu_s"] = cpu_seconds(collector.process.pid)
    figures["collector_rss_mib"] = peak_rss_mib(collector.process.pid)
    collector.stop(seconds=300)
    return collector, figures


def ingest_often(top: pathlib.Path, files, runs: int):
    """ingest() into `runs` empty collectors, one after the other: machines are noisier than our changes. The last collector, and
    the figures of each run."""
    all_figures = []
    for run in range(runs):
        folder = top / f"ingest-{run}"
        folder.mkdir()
        (folder / "corpus").symlink_to(top / "corpus")
        collector, figures = ingest(folder, files)
        all_figures.append(figures)
        if run < runs - 1:
            shutil.rmtree(folder)
    return collector, all_figures


def print_ingest(raw: int, runs) -> None:
    """The run with the median of CPU in full, and what the others had."""
    megabytes = raw / 1e6
    got = sorted(runs, key=lambda run: run["collector_cpu_s"])[len(runs) // 2]

    def each(form: str, value) -> str:
        return ", ".join(form.format(value(run)) for run in runs)

    print(f"\ningest (raw files -> shipper -> wire -> parsed, durable, acked), the median of {len(runs)} runs: "
          f"{megabytes / got['wall_s']:.1f} MB/s wall, ack p50 {got['ack_p50']}, p99 {got['ack_p99']}")
    print(f"  collector {got['collector_cpu_s']:.2f} s CPU = {megabytes / got['collector_cpu_s']:.1f} MB/s per core, peak RSS {got['collector_rss_mib']:.0f} MiB")
    print(f"  shipper   {got['shipper_cpu_s']:.2f} s CPU = {megabytes / got['shipper_cpu_s']:.1f} MB/s per core, peak RSS {got['shipper_rss_mib']:.1f} MiB")
    print(f"  with every row sealed: {got['sealed_cpu_s']:.2f} s CPU = {megabytes / got['sealed_cpu_s']:.1f} MB/s per core, {got['settle_s']:.1f} s later")
    print(f"  each run: {each('{:.1f}', lambda run: megabytes / run['collector_cpu_s'])} MB/s per core; ack p99 "
          f"{each('{}', lambda run: run['ack_p99'])}; peak RSS {each('{:.0f}', lambda run: run['collector_rss_mib'])} MiB")


def time_rg(words, corpus: pathlib.Path, runs: int):
    times, out = [], b""
    for _ in range(runs + 1):
        begun = time.perf_counter()
        done = subprocess.run(["rg", "-j2", "--no-ignore", "-I", "-N", *words, str(corpus), "-g", "!files.tsv"], capture_output=True)
        times.append((time.perf_counter() - begun) * 1000)
        out = done.stdout
    if "-c" in words:
        return statistics.median(times[1:]), sum(int(line) for line in out.split())
    return statistics.median(times[1:]), out.count(b"\n")


def our_answer(body: bytes, counted: bool):
    rows = [json.loads(line) for line in body.splitlines() if line]
    rows = [row for row in rows if not any(key in row for key in ("_head", "_end", "_progress"))]
    if counted and rows and "n" in rows[0]:
        return int(rows[0]["n"])
    return len(rows)


def sample_id(files) -> str:
    """A task id that occurs in the corpus: from the middle of a celery log."""
    path = next(f["path"] for f in files if f["format"] == "celery")
    lines = pathlib.Path(path).read_text().splitlines()
    line = next(line for line in lines[len(lines) // 2:] if "] received" in line)
    return line.split("[")[2].split("]")[0]


def sample_client(files) -> str:
    """Who asked for something, as one looks for him: the client of the line in the middle of a proxy's log."""
    path = next(f["path"] for f in files if f["format"] == "nginx_rt_cache")
    lines = pathlib.Path(path).read_text(errors="replace").splitlines()
    return re.match(r"\d+\.\d+\.\d+\.\d+", lines[len(lines) // 2]).group()


def sample_dotted(files) -> str:
    """What looks like an address and is rarest in an access log: mostly the version of a browser, in many lines."""
    path = next(f["path"] for f in files if f["format"] == "gunicorn_access")
    found = collections.Counter(re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", pathlib.Path(path).read_text(errors="replace")))
    return min(found, key=lambda address: (found[address], address))


def first_row_ms(collector: Collector, pattern: str, runs: int) -> float:
    """From starting `dendro grep` to its first line: a new process and connection each time."""
    times = []
    for _ in range(runs + 1):
        begun = time.perf_counter()
        grep = subprocess.Popen([str(programs() / "query/cli/dendro"), "grep", "--server", collector.url, pattern], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL)
        grep.stdout.readline()
        times.append((time.perf_counter() - begun) * 1000)
        grep.kill()
        grep.wait()
    return statistics.median(times[1:])


def ratios(ours, rg, vl) -> str:
    """How many times as fast as each peer; who is faster than we are is named."""
    words = []
    for name, theirs in (("rg", rg), ("VL", vl)):
        if theirs:
            words.append(f"{theirs / ours:.1f}x {name}" + (" LOST" if theirs < ours else ""))
    return ", ".join(words)


def fill(text: str, samples: dict) -> str:
    for name, sample in samples.items():
        text = text.replace("{" + name + "}", sample)
    return text


def samples_of(files) -> dict:
    return {"id": sample_id(files), "client": sample_client(files), "ip": sample_dotted(files)}


def our_queries(samples: dict):
    """Name and text of each query, to Dendro."""
    for name, ours, _, _ in QUERIES:
        yield name, fill(ours, samples).replace("{{", "{").replace("}}", "}")


def run_queries(collector: Collector, peer, corpus: pathlib.Path, samples: dict, runs: int):
    print(f"\n{'query':30} {'dendro ms':>10} {'rg ms':>9} {'VL ms':>9}   answers (dendro / rg / VL); we are")
    for (_, _, words, theirs), (name, query) in zip(QUERIES, our_queries(samples)):
        our_ms, body = HttpClient(collector.http).time(runs, "/dendro/v1/query", query=query, format="ndjson")
        answer = our_answer(body, "count() as n" in query and "by (" not in query)
        rg_ms = rg_answer = vl_ms = vl_answer = None
        if words:
            rg_ms, rg_answer = time_rg([fill(word, samples) for word in words], corpus, runs)
        if peer and theirs != NO_PEER:
            vl_ms, vl_answer = peer.time_query(fill(theirs or query, samples), runs)
        show = ["-" if value is None else f"{value:.1f}" for value in (rg_ms, vl_ms)]
        print(f"{name:30} {our_ms:10.1f} {show[0]:>9} {show[1]:>9}   {answer} / {rg_answer} / {vl_answer}; {ratios(our_ms, rg_ms, vl_ms)}", flush=True)
    print(f"first row of `dendro grep` of a common word: {first_row_ms(collector, 'duration', runs):.1f} ms")


def shipper_at_rest(top: pathlib.Path, seconds: int):
    """1,000 lines/s over 20 files: CPU share and peak memory of the shipper."""
    logs = top / "rest"
    logs.mkdir()
    collector = Collector(top / "rest_collector").start()
    shipper = Shipper(top / "rest_shipper", collector, [f"role=web,path={logs}/*.log"]).start()
    files = [open(logs / f"app{i}.log", "ab", buffering=0) for i in range(20)]
    line = b"2026-03-02 09:20:11,084 INFO [app] a line of about two hundred bytes " + b"x" * 130 + b"\n"
    begun, cpu, sent = time.monotonic(), cpu_seconds(shipper.process.pid), 0
    while time.monotonic() - begun < seconds:
        for file in files:
            file.write(line * 5)
            sent += 5
        time.sleep(max(0, begun + sent / 1000 - time.monotonic()))
    used = cpu_seconds(shipper.process.pid) - cpu
    rss = peak_rss_mib(shipper.process.pid)
    for file in files:
        file.close()
    shipper.stop()
    collector.stop()
    return used / seconds * 100, rss


def versions():
    def first(command):
        try:
            return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()[0]
        except (OSError, IndexError):
            return "not here"

    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    print(f"cpu {cpu} x{os.cpu_count()}, kernel {os.uname().release}")
    print(first([programs() / "query/cli/dendro", "--version"]), f"(build {programs().name}) |", first(["rg", "--version"]), "|", first(["zstd", "--version"]))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--size", type=int, default=1000, help="MB of raw text (default 1000)")
    options.add_argument("--start-size", type=int, default=0, metavar="MB", help="also start a collector that holds that much (default: do not)")
    options.add_argument("--runs", type=int, default=5, help="runs of the ingest, and timed runs of each query after one warm-up (default 5)")
    options.add_argument("--smoke", action="store_true", help="32 MB, 2 runs: is the bench alive?")
    options.add_argument("--keep", help="work in this folder and keep it")
    args = options.parse_args()
    if args.smoke:
        args.size, args.start_size, args.runs = 32, 32, 2
    top = pathlib.Path(args.keep or tempfile.mkdtemp(prefix="dendro-bench-"))
    top.mkdir(parents=True, exist_ok=True)
    try:
        return bench(top, args)
    finally:
        if not args.keep:
            shutil.rmtree(top, ignore_errors=True)


def bench(top: pathlib.Path, args) -> int:
    versions()
    files = make_corpus(top / "corpus", args.size)
    raw, lines = sum(f["bytes"] for f in files), sum(f["lines"] for f in files)
    print(f"corpus: seed 1, {raw / 1e6:.1f} MB, {lines} lines, {len(files)} files, {len({f['format'] for f in files})} kinds")

    os.sync()  # what is still to be written of the corpus is not our ingest
    collector, runs = ingest_often(top, files, args.runs)
    print_ingest(raw, runs)
    spare = folder_bytes(collector.data / "store/wal") + file_bytes(collector.data / "store/reserve")
    on_disk = folder_bytes(collector.data) - spare
    levels = {3: zstd_bytes(files, 3), 19: zstd_bytes(files, 19)}
    print(f"bytes on disk, all sealed: segments, manifest and state; beside them {spare / 1e6:.0f} MB of preallocated WAL and "
          "reserve")
    print(f"  dendro {on_disk / 1e6:.2f} MB = {raw / on_disk:.2f}:1;  " + ";  ".join(
        f"zstd -{level} {size / 1e6:.2f} MB = {raw / size:.2f}:1 (dendro is {on_disk / size:.2f}x)" for level, size in levels.items()))

    started = large_store.restart_ms(collector)
    print(f"start to serving: {started:.0f} ms")
    peer = VictoriaLogs.from_environment(top / "victorialogs")
    try:
        if peer:
            peer.start()
            print(f"VictoriaLogs {peer.version()}: " + peer.ingest(files, raw))
        else:
            print("VictoriaLogs: skipped, DENDRO_BENCH_VICTORIALOGS does not name its binary")
        run_queries(collector, peer, top / "corpus", samples_of(files), args.runs)
        print(f"peak RSS of the collector after the queries: {peak_rss_mib(collector.process.pid):.0f} MiB")
    finally:
        collector.stop()
        if peer:
            peer.stop()
    share, rss = shipper_at_rest(top, 5 if args.smoke else 20)
    print(f"\nshipper at 1,000 lines/s over 20 files: {share:.2f}% of a core, peak RSS {rss:.1f} MiB")
    if args.start_size:
        print(large_store.measure(top / "large", args.start_size, make_corpus, send_and_stop))
    return 0


if __name__ == "__main__":
    sys.exit(main())
