"""Dendro itself: a collector, a shipper, and the command line tool."""
import json
import os
import pathlib
import subprocess
import urllib.request

from .service import PATIENCE_S, Failed, Service, free_port, wait_until


def programs() -> pathlib.Path:
    """Folder of the build to test: DENDRO_BUILD, else build/release."""
    top = pathlib.Path(__file__).resolve().parents[3]
    return pathlib.Path(os.environ.get("DENDRO_BUILD", top / "build/release"))


class Collector(Service):
    name = "dendro-collector"

    def __init__(self, folder, geo="test", extra=()):
        super().__init__(folder)
        self.http, self.wire, self.geo = free_port(), free_port(), geo
        self.data = folder / "data"
        self.extra = list(extra)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http}"

    def command(self):
        return [str(programs() / "collector/dendro-collector"), "--data", str(self.data), "--http",
                f"127.0.0.1:{self.http}", "--wire", f"127.0.0.1:{self.wire}", "--geo", self.geo, *self.extra]

    def ready(self):
        with urllib.request.urlopen(f"{self.url}/ready", timeout=5) as answer:
            return answer.status == 200

    def get(self, path):
        with urllib.request.urlopen(f"{self.url}{path}", timeout=60) as answer:
            return answer.read()

    def dendro(self, *words, check=(0,), binary=False, timeout=120):
        """Run the command line tool against this collector; `check`: exit codes that are fine."""
        command = [str(programs() / "query/cli/dendro"), words[0], "--server", self.url, *words[1:]]
        done = subprocess.run(command, capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL)
        if done.returncode not in check:
            raise Failed(f"{command}: exit {done.returncode}: {done.stderr.decode(errors='replace')[:800]}")
        return done.stdout if binary else done.stdout.decode(errors="replace")

    def query(self, text, **more):
        """Rows of a query as dicts."""
        words = [word for key, value in more.items() for word in (f"--{key}", value)]
        out = self.dendro("query", "--output", "ndjson", *words, text)
        rows = [json.loads(line) for line in out.splitlines() if line]
        return [row for row in rows if "_head" not in row and "_end" not in row and "_progress" not in row]

    def counts(self, text, key, value="n"):
        return {str(row[key]): int(row[value]) for row in self.query(text)}


class Shipper(Service):
    name = "dendro-shipper"

    def __init__(self, folder, collector: Collector, sources, host="web1", metrics=False, extra=()):
        super().__init__(folder)
        self.collector, self.sources, self.host = collector, sources, host
        self.metrics = metrics
        self.state = folder / "state"
        self.extra = list(extra)

    def ready(self):
        """It answers only after its first look at all sources: what was there then is followed from now on."""
        done = subprocess.run([str(programs() / "shipper/dendro-shipper"), "status", "--state", str(self.state)],
                              capture_output=True, text=True, timeout=PATIENCE_S, stdin=subprocess.DEVNULL)
        return done.stdout.startswith("collector ")

    def command(self):
        words = [str(programs() / "shipper/dendro-shipper"), "--collector", f"127.0.0.1:{self.collector.wire}", "--state",
                 str(self.state), "--geo", self.collector.geo, "--host", self.host, *self.extra]
        for source in self.sources:
            words += ["--source", source]
        return words if self.metrics else [*words, "--no-host-metrics"]


def stored_bytes(collector: Collector, path) -> bytes:
    """Everything that is stored of a source, as grep prints it."""
    return collector.dendro("grep", "-h", "--source", str(path), "", check=(0, 1), binary=True)


def wait_for_bytes(collector: Collector, expected: dict[str, bytes]):
    """Wait until each source gives back exactly the bytes of its files, in file order. A slow machine may take its time: we
    give up only when nothing more arrives."""
    for path, content in expected.items():
        got = b""

        def moves():
            nonlocal got
            collector.check_alive()
            before, got = got, stored_bytes(collector, path)
            return got == content or len(got) != len(before)

        while got != content:
            try:
                wait_until(path, moves, PATIENCE_S, every=0.5)
            except Failed as error:
                raise Failed(f"{error}: {describe_difference(content, got)}") from None


def describe_difference(wanted: bytes, got: bytes) -> str:
    if wanted == got:
        return "equal"
    a, b = wanted.split(b"\n"), got.split(b"\n")
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    missing, extra = len(set(a) - set(b)), len(set(b) - set(a))
    return (f"{len(a) - 1} lines written, {len(b) - 1} found; {missing} distinct lines missing, {extra} not written; first "
            f"difference at line {at + 1}:\n  written {a[at:at + 2]!r:.400}\n  found   {b[at:at + 2]!r:.400}")
