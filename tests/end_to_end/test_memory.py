#!/usr/bin/env python3
"""The hard limit of memory: ten heavy queries at once against a collector that takes in logs at full speed. Its resident
memory (VmHWM: the most it ever was) stays below the limit, no query ends but with an answer or a sentence that names the
limit, and no line is lost. Prints how much of the resident memory the classes of /metrics explain.

  test_memory.py [SIZE_MB [LIMIT_MIB]]        a longer dose: more log, or another limit"""
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

from stack.pipeline import Collector, Shipper, programs
from stack.service import Failed, wait_until

SIZE_MB, LIMIT_MIB = 64, 512
UNEXPLAINED_MIB = 80  # what the limit leaves for small pieces, which no class counts, the program and stacks

# What costs memory: groups and sorts by ids, lines kept whole, joins, a regex without a literal, distinct sets.
HEAVY = [
    "* | stats by (_msg) count() as n",
    "* | sort by (_msg)",
    "* | sort by (duration desc, _msg)",
    '~"[0-9a-f]{6}.*[0-9]{3}[^0-9]*$" | sort by (path, _msg)',
    "* | top 10000 by (path)",
    "* | uniq by (client, path, request_id)",
    "* | stats by (host, path, client) quantile(0.95, duration) p95, count_uniq(_msg) u, values(path) v",
    "* | join by (path) (* | fields path, _msg, duration)",
    "* | facets 100",
    "* | stats by (_time:1s, path, status) count() n, uniq_values(client) c",
]


def ask(collector, text, ends):
    """Ask and read the whole answer; how it ended goes to `ends`. Those that give lines are row streams, beside the four queries."""
    words = {"query": text, "timeout": "15s", "limit": "0"}
    if "| sort by" in text:
        words["format"] = "framed"
    url = f"{collector.url}/dendro/v1/query?{urllib.parse.urlencode(words)}"
    try:
        with urllib.request.urlopen(url, timeout=90) as answer:
            last = b""
            while piece := answer.read(65536):
                last = (last + piece)[-4096:]
        text = last.decode(errors="replace")
        ends.append(text if '"error"' in text else "complete")
    except urllib.error.HTTPError as error:
        ends.append(error.read().decode(errors="replace"))


class Watch(threading.Thread):
    """Looks at /metrics ten times a second: how much is resident, and what the classes say."""

    def __init__(self, collector):
        super().__init__(daemon=True)
        self.collector, self.stop = collector, threading.Event()
        self.looks = []  # of resident bytes, and bytes of each class

    def run(self):
        while not self.stop.wait(0.1):
            try:
                text = self.collector.get("/metrics").decode()
            except OSError:
                continue
            resident = float(re.search(r"^process_resident_memory_bytes (\S+)", text, re.M).group(1))
            self.looks.append((resident, {name: int(size) for name, size in
                                          re.findall(r'^dendro_memory_bytes\{class="(\w+)"\} (\d+)', text, re.M)}))

    def peak(self):
        """The look with most resident memory."""
        return max(self.looks, key=lambda look: look[0])

    def unexplained(self):
        """Resident bytes that no class explains: the median, since a single look may fall between a piece and its charge."""
        return statistics.median(resident - sum(classes.values()) for resident, classes in self.looks)


def status_of(collector, key):
    text = pathlib.Path(f"/proc/{collector.process.pid}/status").read_text()
    return int(re.search(rf"^{key}:\s+(\d+) kB", text, re.M).group(1)) / 1024


def sources_of(corpus):
    rows = [line.split("\t") for line in (corpus / "files.tsv").read_text().splitlines()]
    kinds = sorted({(row[0], row[2], row[3].rsplit("/", 1)[1].split("-", 1)[1]) for row in rows})
    return ([f"role={role},format={form},start_at=beginning,path={corpus}/{role}/*/*-{name}" for role, form, name in kinds],
            sum(int(row[4]) for row in rows), sum(int(row[5]) for row in rows))


def stored_raw(collector):
    return float(re.search(r"^dendro_store_raw_bytes (\S+)", collector.get("/metrics").decode(), re.M).group(1))


def check_ends(ends):
    """An answer, the limit of memory of one query or of all, no thread, its time limit: nothing else."""
    allowed = ("complete", "memory", "too_many", "query threads", "timeout")
    wrong = [end for end in ends if not any(word in end for word in allowed)]
    if wrong:
        raise Failed(f"a query ended with {wrong[0][:400]!r}")
    return sum(end == "complete" for end in ends)


def ask_until(collector, done, ends):
    """Ten at once, again and again."""
    def loop(at):
        while not done.is_set():
            ask(collector, HEAVY[at], ends)

    threads = [threading.Thread(target=loop, args=(at,)) for at in range(len(HEAVY))]
    for thread in threads:
        thread.start()
    return threads


def run(top, size_mb, limit_mib):
    """All of it; what was started is stopped, however it ends."""
    services = []
    try:
        load_and_ask(top, size_mb, limit_mib, services)
    finally:
        for service in reversed(services):
            service.stop()


def load_and_ask(top, size_mb, limit_mib, services):
    corpus = top / "corpus"
    subprocess.run([programs() / "tests/bench/corpus", corpus, str(size_mb)], check=True, stdout=subprocess.DEVNULL)
    sources, lines, raw = sources_of(corpus)
    collector = Collector(top / "collector", extra=["--memory", f"{limit_mib}MiB", "--retention", "0"]).start()
    watch, done, ends = Watch(collector), threading.Event(), []
    services.append(collector)
    watch.start()
    services.append(Shipper(top / "shipper", collector, sources).start())
    try:
        wait_until("the first rows", lambda: stored_raw(collector) > raw / 4)
        threads = ask_until(collector, done, ends)
        wait_until("all rows", lambda: stored_raw(collector) >= raw - lines, seconds=300)
        done.set()
        for thread in threads:
            thread.join()
    finally:
        done.set()
        watch.stop.set()
    complete = check_ends(ends)
    peak, (resident, classes) = status_of(collector, "VmHWM"), watch.peak()
    shares = ", ".join(f"{name} {size >> 20}" for name, size in classes.items() if size >> 20)
    print(f"   {len(ends)} heavy queries, {complete} with a complete answer; peak {peak:.0f} of {limit_mib} MiB; "
          f"{sum(classes.values()) / resident:.0%} of it explained: {shares}; mostly {watch.unexplained() / 2**20:.0f} MiB are not")
    if peak >= limit_mib:
        raise Failed(f"resident memory reached {peak:.0f} MiB, the limit is {limit_mib} MiB")
    if watch.unexplained() > UNEXPLAINED_MIB << 20:
        raise Failed(f"{watch.unexplained() / 2**20:.0f} MiB of resident memory are of no class, {UNEXPLAINED_MIB} are left for such")
    wait_until("the store settles", lambda: sum(collector.counts("* | stats by (role) count() n", "role").values()) > 0)
    stored = stored_raw(collector)
    if not raw - lines <= stored <= raw:
        raise Failed(f"{stored:.0f} of {raw} bytes are stored")


def main():
    size_mb = int(sys.argv[1]) if len(sys.argv) > 1 else SIZE_MB
    limit_mib = int(sys.argv[2]) if len(sys.argv) > 2 else LIMIT_MIB
    with tempfile.TemporaryDirectory(prefix="dendro-memory-") as top:
        try:
            run(pathlib.Path(top), size_mb, limit_mib)
        except Failed as error:
            print(f"FAILED: {error}")
            return 1
    print("memory: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
