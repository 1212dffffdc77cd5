"""VictoriaLogs as a peer of the bench: rows are handed to it already parsed, so its ingest leaves parsing out."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))
from http_client import HttpClient, RefusedQuery  # noqa: E402
from stack.service import Service, free_port  # noqa: E402

BATCH_BYTES = 4_000_000
# What the bench's queries need, found by plain patterns: enough for a fair comparison of answers.
REQUEST = re.compile(r'(?:GET|POST|PUT|HEAD) (\S+)[^"\]]* HTTP/[\d.]+"? (\d{3}) (\d+(?:\.\d+)?)?(?: (\d+))?(?: (\d+))?')
TENANT = re.compile(r"/a/([\w.:-]+)/")
STAMPS = [(re.compile(r"(\d{4})[-/](\d\d)[-/](\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,](\d{3,6}))?"), "iso"),
          (re.compile(r"(\d\d)/(\w{3})/(\d{4}):(\d\d):(\d\d):(\d\d)"), "clf")]
MONTHS = {name: f"{number:02d}" for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}


def stamp_of(line: str, last: str) -> str:
    for pattern, kind in STAMPS:
        found = pattern.search(line[:120])
        if found and kind == "iso":
            y, mo, d, h, mi, s, ms = found.groups()
            return f"{y}-{mo}-{d}T{h}:{mi}:{s}.{ms or '000'}Z"
        if found:
            d, mo, y, h, mi, s = found.groups()
            return f"{y}-{MONTHS[mo]}-{d}T{h}:{mi}:{s}Z"
    return last


def row_of(file, line: str, last: str) -> dict:
    row = {"_time": stamp_of(line, last), "_msg": line, "role": file["role"], "host": file["host"], "format": file["format"],
           "source": file["path"]}
    if found := TENANT.search(line):
        row["tenant"] = found.group(1)
    if file["format"] == "nginx_timing" and (found := REQUEST.search(line)):
        row.update(path=found.group(1), status=found.group(2), duration=found.group(3), bytes=found.group(5) or "0")
    elif file["format"] in ("gunicorn_access", "nginx_rt_cache") and (found := REQUEST.search(line)):
        row.update(path=found.group(1), status=found.group(2), bytes=(found.group(3) if file["format"] == "gunicorn_access" else found.group(4)) or "0")
        if file["format"] == "gunicorn_access":
            row["duration"] = f"{int(line.rsplit(' ', 1)[1]) / 1e6:.6f}"
    elif found := re.search(r"(?:duration: ([\d.]+) ms|succeeded in ([\d.e-]+)s|took\[([\d.]+)ms\]| ok (\d+)$| 0:00:00\.(\d{6})$)", line):
        ms, s, took, ok, micro = found.groups()
        row["duration"] = f"{float(s) if s else float(micro) / 1e6 if micro else float(ms or took or ok) / 1000:.6f}"
    return row


class VictoriaLogs(Service):
    name = "victoria-logs"

    def __init__(self, folder, binary: str):
        super().__init__(folder)
        self.binary, self.port = binary, free_port()

    @classmethod
    def from_environment(cls, folder):
        binary = os.environ.get("DENDRO_BENCH_VICTORIALOGS")
        return cls(folder, binary) if binary and os.access(binary, os.X_OK) else None

    def command(self):
        return [self.binary, f"-storageDataPath={self.folder}/data", f"-httpListenAddr=127.0.0.1:{self.port}",
                "-retentionPeriod=10y"]

    def version(self):
        """As the binary says, or, when `go install` left it empty, as the Go module it was built from."""
        said = subprocess.run([self.binary, "-version"], capture_output=True, text=True).stdout.strip()
        if said or not shutil.which("go"):
            return said or "of unknown version"
        module = subprocess.run(["go", "version", "-m", self.binary], capture_output=True, text=True).stdout
        return next((line.split()[2] for line in module.splitlines() if line.split()[:1] == ["mod"]), "of unknown version")

    def ready(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
            return answer.status == 200

    def post(self, body: bytes):
        url = (f"http://127.0.0.1:{self.port}/insert/jsonline?_stream_fields=role,host,format,source&_time_field=_time&_msg_field=_msg")
        urllib.request.urlopen(urllib.request.Request(
            url, data=body, method="POST", headers={"Content-Type": "application/stream+json"}), timeout=120).read()

    def ingest(self, files, raw: int) -> str:
        from bench import cpu_seconds, folder_bytes, peak_rss_mib

        batch, size, last = [], 0, "2026-03-02T00:00:00Z"
        before = cpu_seconds(self.process.pid)
        for file in files:
            for line in pathlib.Path(file["path"]).read_text(errors="replace").splitlines():
                row = row_of(file, line, last)
                last = row["_time"]
                text = json.dumps(row).encode()
                batch.append(text)
                size += len(text)
                if size > BATCH_BYTES:
                    self.post(b"\n".join(batch))
                    batch, size = [], 0
        self.post(b"\n".join(batch))
        cpu = cpu_seconds(self.process.pid) - before
        urllib.request.urlopen(f"http://127.0.0.1:{self.port}/internal/force_flush", timeout=60).read()
        flushed = cpu_seconds(self.process.pid) - before
        urllib.request.urlopen(f"http://127.0.0.1:{self.port}/internal/force_merge", timeout=600).read()
        previous = -1
        for _ in range(60):  # merges settle
            now = folder_bytes(self.folder / "data")
            if now == previous:
                break
            previous = now
            time.sleep(2)
        return (f"{cpu:.2f} s CPU for parsed rows = {raw / 1e6 / cpu:.1f} MB/s per core (parsing not counted), {flushed:.2f} s with every row on disk, "
                f"disk {previous / 1e6:.2f} MB = {raw / previous:.2f}:1, peak RSS {peak_rss_mib(self.process.pid):.0f} MiB")

    def time_query(self, query: str, runs: int):
        try:
            ms, body = HttpClient(self.port).time(runs, "/select/logsql/query", query=query)
        except RefusedQuery as error:
            return None, f"refused: {error}"
        rows = [line for line in body.splitlines() if line]
        if "count() as n" in query and "by (" not in query and rows:
            return ms, int(json.loads(rows[0])["n"])
        return ms, len(rows)
