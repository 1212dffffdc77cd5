#!/usr/bin/env python3
"""`dendro store`, `erase` and `tail` against a real collector: snapshots and the erasures that came after them, orders with a
token, a tail whose reader leaves; and `dendro config check`, which needs no server."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "end_to_end"))
os.environ["DENDRO_BUILD"] = sys.argv[1]

from stack.pipeline import Collector, Shipper, programs, wait_for_bytes  # noqa: E402

# name of the case, name of the file, its text, exit status, words on stderr
CONFIG_CASES = [
    ("a good one", "collector.yaml", "geo: fr\n", 0, []),
    ("loopback by number", "collector.yaml", "geo: fr\nhttp: 127.9.0.1:7600\nwire: '[::1]:7601'\n", 0, []),
    ("every address", "collector.yaml", "geo: fr\nhttp: :7600\n", 2, ["http", "every address", "insecure_i_understand"]),
    ("HTTP on another address", "collector.yaml", "geo: fr\nhttp: 192.0.2.1:7600\n", 2, ["http", "192.0.2.1"]),
    ("shippers on another address", "collector.yaml", "geo: fr\nwire: '[2001:db8::1]:7601'\n", 2, ["wire", "2001:db8::1"]),
    ("all of IPv4", "collector.yaml", "geo: fr\nwire: 0.0.0.0:7601\n", 2, ["wire", "0.0.0.0"]),
    ("and it is understood", "collector.yaml", "geo: fr\nhttp: 0.0.0.0:7600\ninsecure_i_understand: yes\n", 0, []),
    ("a regex that does not end", "collector.yaml", "geo: fr\nderive:\n  tenant:\n    - {re: '/t/([a-z]+', set: x}\n", 2,
     ["tenant", "rule 1"]),
    ("a regex that PCRE2 must refuse", "collector.yaml", "geo: fr\nderive:\n  route:\n    - {re: '(?<=a+)b', set: x}\n", 2,
     ["route", "rule 1"]),
    ("the second rule", "collector.yaml", "geo: fr\nderive:\n  route:\n    - {re: a, set: x}\n    - {re: '*', set: x}\n", 2,
     ["route", "rule 2"]),
    ("a group that is not there", "collector.yaml", "geo: fr\nderive:\n  tenant:\n    - {re: '/t/[a-z]+', set: $1}\n", 2,
     ["tenant", "$1"]),
    ("what is replaced", "collector.yaml", "geo: fr\nderive:\n  path_group:\n    - {replace: '[0-', by: N}\n", 2,
     ["path_group", "rule 1"]),
    ("a regex in a rule of retention", "collector.yaml",
     "geo: fr\nretention_rules:\n  - {filter: 'path:~\"(\"', keep: 3d}\n", 2, ["retention_rules", ":3"]),
    ("a token file that is not there", "collector.yaml", "geo: fr\nadmin_token_file: /nowhere/token\n", 2,
     ["admin_token_file", "/nowhere/token"]),
    ("two files, one is wrong", "shipper.yaml", "geo: fr\nbatch_sice: 1MiB\n", 2, ["batch_size"]),
    ("a shipper's by its sources", "my.yaml", "geo: fr\nsources:\n  - {role: web, path: /x/*.log}\n", 0, []),
    ("a shipper's by its sources, in lines", "my.yaml", "geo: fr\nsources:\n  - path: /x/*.log\n    role: web\n", 0, []),
    ("a collector's sources", "my.yaml", "geo: fr\nsources:\n  - {path: '*.log', format: gunicorn}\n", 2, ["unknown format", "gunicorn"]),
    ("no geo, collector", "collector.yaml", "data: /x\n", 2, ["geo", "--geo NAME"]),
    ("no geo, shipper", "shipper.yaml", "host: a\n", 2, ["geo", "--geo NAME"]),
    ("a word for a list", "shipper.yaml", "geo: fr\nsource: web\n", 2, [":2:9", "expected a list", "path=GLOB)"]),
]


class Checks:
    def __init__(self):
        self.count = self.failed = 0

    def that(self, name, right, detail=""):
        self.count += 1
        self.failed += not right
        print(f"  {'ok' if right else 'FAILED'} {name}{'' if right else f': {detail}'}", flush=True)


def dendro(*words):
    return subprocess.run([str(programs() / "query/cli/dendro"), *map(str, words)], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)


def config_cases(checks, top):
    for name, file, text, code, said in CONFIG_CASES:
        path = top / file
        path.write_text(text)
        good = top / "good-collector.yaml"
        good.write_text("geo: fr\n")
        done = dendro("config", "check", good, path)
        right = done.returncode == code and all(word in done.stderr for word in said) and f"{good}: fine" in done.stdout
        checks.that(f"config check: {name}", right, done)


def says(command, words, patience_s=10):
    """A program that is started wrong says all the words; it is stopped if it goes on."""
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL) as process:
        stop = threading.Timer(patience_s, process.kill)
        stop.start()
        said = ""
        for line in process.stdout:
            said += line
            if all(word in said for word in words):
                break
        process.kill()
        stop.cancel()
    return all(word in said for word in words), said


def first_mistakes(checks, collector, top):
    """What is said of mistakes that everybody makes once: what happened, and what to do."""
    shipper = [programs() / "shipper/dendro-shipper", "--config", "/dev/null", "--state", top / "mistaken", "--geo", "stack"]
    for name, command, words in [
        ("no source", [*shipper, "--collector", "127.0.0.1:9"], ["no source is given", "--source"]),
        ("explain of nobody", [*shipper, "explain", "/x"], ["no shipper runs", "start it", "--state"]),
        ("a store in use", [programs() / "collector/dendro-collector", "--config", "/dev/null", "--geo", "x", "--http",
                            "127.0.0.1:0", "--wire", "127.0.0.1:0", "--data", collector.data],
         ["is in use by process", "use another directory"]),
        ("no data directory", [programs() / "query/cli/dendro", "verify", top], ["no manifest", "data directory of a collector"]),
        ("store, no such thing", [programs() / "query/cli/dendro", "store", "snapshott", "x"], ["expected inspect", "snapshot NAME"]),
    ]:
        right, said = says(command, words)
        checks.that(f"mistake: {name}", right, said)


def offline_cases(checks, top):
    """Commands that ask no server show no options of one, and need no client.yaml; an alias with --server still works."""
    (top / "dendro").mkdir()
    (top / "dendro/client.yaml").write_text("sever: x\n")
    good = top / "good-collector.yaml"
    for name, words in [("verify", ["verify"]), ("config", ["config"])]:
        done = dendro(*words, "--help")
        checks.that(f"{name} --help", done.returncode == 0 and "--server" not in done.stdout, done)
    done = subprocess.run([programs() / "query/cli/dendro", "config", "--server", "http://x", "check", good], text=True,
                          capture_output=True, env={**os.environ, "XDG_CONFIG_HOME": str(top)}, stdin=subprocess.DEVNULL)
    checks.that("config check with an alias", done.returncode == 0 and "fine" in done.stdout, done)


def tail_cases(checks, collector):
    """The reader takes one line and leaves: the tail ends at once, as grep does, though no further line comes."""
    program = programs() / "query/cli/dendro"
    begun = time.monotonic()
    done = subprocess.run(f"{program} tail --server {collector.url} --from 1h -h '' </dev/null | head -n 1; "
                          "echo ${PIPESTATUS[0]}", shell=True, executable="/bin/bash", capture_output=True, timeout=60)
    lines = done.stdout.split(b"\n")
    checks.that("tail into head", lines[1:] in ([b"0", b""], [b"141", b""]) and lines[0].endswith(b"line 0") and not done.stderr,
                done)
    checks.that("it does not wait for another line", time.monotonic() - begun < 30)
    done = subprocess.run(f"{program} tail --server {collector.url} nothing_has_this </dev/null | sleep 1; "
                          "echo ${PIPESTATUS[0]}", shell=True, executable="/bin/bash", capture_output=True, timeout=60)
    checks.that("tail without a line", done.stdout in (b"0\n", b"141\n") and not done.stderr, done)


def count(server, text=""):
    done = dendro("grep", "--server", server, "-c", text)
    return int(done.stdout)


def serve_restored(checks, name, top, expected):
    collector = Collector(top).start()
    try:
        found = (count(collector.url), count(collector.url, "acme"))
        checks.that(name, found == expected, found)
    finally:
        collector.stop()


def restore(checks, name, arguments, data, warned, expected):
    done = dendro("store", "restore", *arguments)
    checks.that(f"restore: {name}", done.returncode == 0 and ("no receipts are named" in done.stderr) == warned, done)
    serve_restored(checks, f"rows of {name}", data.parent, expected)


def erasure_cases(checks, collector, top, token):
    """40 lines, every fourth of the tenant. The snapshot is older than the erasure."""
    url = collector.url
    done = dendro("store", "snapshot", "--server", url, "before")
    checks.that("a snapshot needs the token", done.returncode == 2 and "admin token" in done.stderr, done)
    done = dendro("store", "snapshot", "--server", url, "--token-file", token, "before")
    checks.that("a snapshot says what it keeps", done.returncode == 0 and "erased later" in done.stderr, done)
    snapshot = pathlib.Path(json.loads(done.stdout)["directory"])
    done = dendro("erase", "--server", url, "--where", "acme", "--yes")
    checks.that("an erasure needs the token", done.returncode == 2 and "admin token" in done.stderr and count(url) == 40, done)
    done = dendro("erase", "--server", url, "--where", "acme", "--yes", "--token-file", token)
    checks.that("erased", done.returncode == 0 and "10 rows" in done.stdout and count(url) == 30, done)
    receipt = json.loads((collector.data / "store/receipts/1.json").read_text())
    checks.that("the receipt names the segment", receipt["complete"] and receipt["rows"] == 10 and
                [part["rows"] for part in receipt["rewritten"]] == [10], receipt)
    restore(checks, "a snapshot in its store", [snapshot, top / "a/data"], top / "a/data", False, (30, 0))
    elsewhere = top / "elsewhere"
    snapshot.rename(elsewhere)
    restore(checks, "one from elsewhere", [elsewhere, top / "b/data"], top / "b/data", True, (40, 10))
    restore(checks, "with receipts", [elsewhere, top / "c/data", "--receipts", collector.data / "store/receipts"],
            top / "c/data", False, (30, 0))
    refused_restores(checks, elsewhere, top)


def refused_restores(checks, snapshot, top):
    """What cannot be restored as a whole leaves no store that a collector would serve."""
    data, bad = top / "d/data", top / "receipts"
    for name, arguments, said in [
        ("no such snapshot", [top / "nothing", data], "No such file"),
        ("no snapshot", [top, data], "it has no CURRENT"),
        ("no such receipts", [snapshot, data, "--receipts", top / "nothing"], "cannot list the receipts"),
        ("a store is there", [snapshot, top / "c/data"], "move it away"),
    ]:
        done = dendro("store", "restore", *arguments)
        checks.that(f"restore: {name}", done.returncode == 2 and said in done.stderr and not data.exists(), done)
    bad.mkdir()
    (bad / "1.json").write_text("{}")
    done = dendro("store", "restore", snapshot, data, "--receipts", bad)
    checks.that("restore: a bad receipt", done.returncode == 2 and "1.json is not a receipt" in done.stderr and
                "store.unfinished" in done.stderr and not (data / "store").exists(), done)


def main() -> int:
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="dendro-cli-") as folder:
        top = pathlib.Path(folder)
        config_cases(checks, top)
        offline_cases(checks, top)
        token = top / "token"
        token.touch(0o600)
        token.write_text("0123456789abcdef\n")
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - 600))
        lines = b"".join(f"{stamp},{n:03d} INFO [app] {'acme' if n % 4 == 3 else 'other'} line {n}\n".encode() for n in range(40))
        log = top / "app.log"
        log.write_bytes(lines)
        collector = Collector(top / "collector", extra=["--admin-token-file", str(token)]).start()
        shipper = Shipper(top / "shipper", collector, [f"role=web,path={log}"]).start()
        try:
            wait_for_bytes(collector, {str(log): lines})
            tail_cases(checks, collector)
            first_mistakes(checks, collector, top)
            for name in "abc":
                (top / name).mkdir()
            erasure_cases(checks, collector, top, token)
        finally:
            shipper.stop()
            collector.stop()
    print(f"{checks.count} cases, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
