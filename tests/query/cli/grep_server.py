#!/usr/bin/env python3
"""`dendro` against a real collector: each case is a command line, the exit status, and what it prints. The lines are made
here, so what grep must find is found with a plain loop over them."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "end_to_end"))
os.environ["DENDRO_BUILD"] = sys.argv[1]

from stack.pipeline import Collector, Shipper, programs, wait_for_bytes  # noqa: E402

START = int(time.time()) - 3600


def make_lines():
    lines = []
    for n in range(400):
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(START + n)) + f",{n % 1000:03d}"
        level = "ERROR" if n % 50 == 7 else "INFO"
        lines.append(f'{stamp} {level} [app] id={n:04d} took {n % 40}ms "quoted" \\d path=/a/b-{n % 3}/x'.encode() +
                     (b" caf\xe9" if n % 100 == 1 else b""))
    return lines


class Checks:
    def __init__(self, url):
        self.url, self.failed, self.count = url, 0, 0

    def run(self, arguments, code, output=None, said=()):
        self.count += 1
        command = [str(programs() / "query/cli/dendro"), arguments[0], "--server", self.url, *arguments[1:]]
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
        problem = None
        if done.returncode != code:
            problem = f"exit status {done.returncode}, expected {code}: {done.stderr[:300]!r}"
        elif output is not None and done.stdout != output:
            problem = f"printed {done.stdout[:400]!r}\n    expected {output[:400]!r}"
        for word in said:
            if word not in done.stderr.decode():
                problem = f"does not say {word!r}: {done.stderr[:300]!r}"
        print(f"  {'FAILED' if problem else 'ok'} {arguments}{': ' + problem if problem else ''}", flush=True)
        self.failed += problem is not None
        return done.stdout


def whole(lines):
    return b"".join(line + b"\n" for line in lines)


def grep_cases(checks, lines, name):
    def having(pattern, invert=False):
        return [line for line in lines if (re.search(pattern, line) is None) == invert]

    matches = {"fixed": having(rb"id=0012"), "error": having(rb"ERROR"), "alternatives": having(rb"id=00(12|2.)")}
    run = checks.run
    run(["grep", ""], 0, whole(lines))
    run(["grep", "id=0012"], 0, whole(matches["fixed"]))
    run(["grep", "nowhere to be found"], 1, b"")
    run(["grep", "-q", "ERROR"], 0, b"")
    run(["grep", "-c", "ERROR"], 0, b"8\n")
    run(["grep", "-ci", "error"], 0, b"8\n")
    run(["grep", "-c", "-m", "3", "ERROR"], 0, b"3\n")
    run(["grep", "-vc", "ERROR"], 0, b"392\n")
    run(["grep", "-v", "INFO"], 0, whole(matches["error"]))
    run(["grep", "-E", "id=00(12|2.)"], 0, whole(matches["alternatives"]))
    run(["grep", "id=00\\(12\\|2.\\)"], 0, whole(matches["alternatives"]))
    run(["grep", "-P", "id=00(?:12|2\\d)\\b"], 0, whole(matches["alternatives"]))
    run(["grep", "-F", '"quoted" \\d', "-c"], 0, b"400\n")
    run(["grep", "-w", "took", "-c"], 0, b"400\n")
    run(["grep", "-w", "too", "-c"], 1, b"0\n")
    run(["grep", "-w", "b-1", "-c"], 0, b"133\n")
    run(["grep", "caf", "-m", "1"], 0, whole([lines[1]]))
    run(["grep", "-x", ".*id=0013.*"], 0, whole([lines[13]]))
    run(["grep", "-e", "id=0001", "-e", "id=0003"], 0, whole([lines[1], lines[3]]))
    run(["grep", "-o", "-E", "id=000(1|12)"], 0, b"id=0001\n")
    run(["grep", "-oH", "id=0007"], 0, name + b":id=0007\n")
    run(["grep", "-H", "id=0007"], 0, name + b":" + whole([lines[7]]))
    run(["grep", "-hH", "id=0007"], 0, whole([lines[7]]))
    run(["grep", "-l", "ERROR"], 0, name + b"\n")
    run(["grep", "-L", "ERROR"], 1, b"")
    run(["grep", "-L", "nowhere to be found"], 0, name + b"\n")
    run(["grep", "-cH", "ERROR"], 0, name + b":8\n")
    run(["grep", "--tail", "2", ""], 0, whole(lines[-2:]))
    run(["grep", "-z", "id=0007"], 0, lines[7] + b"\0")
    run(["grep", "-C1", "id=001[05]"], 0, whole(lines[9:12]) + b"--\n" + whole(lines[14:17]))
    run(["grep", "-m1", "-A1", "id=001"], 0, whole(lines[10:12]))
    run(["grep", "-HB1", "id=0010"], 0, name + b"-" + whole([lines[9]]) + name + b":" + whole([lines[10]]))
    run(["grep", "--color=always", "-o", "ERROR", "-m1"], 0, b"\033[01;31m\033[KERROR\033[m\033[K\n")
    run(["grep", "--role", "web", "--host", "web*", "--source", "*/app.log", "--level", "error+", "-c", ""], 0, b"8\n")
    run(["grep", "--role", "task", "-c", ""], 1, b"0\n")
    run(["grep", "--where", "level:error", "id=0"], 0, whole(line for line in matches["error"] if b"id=0" in line))
    run(["grep", "--last", "2h", "-c", ""], 0, b"400\n")
    run(["grep", "--until", "2h", "-c", ""], 1, b"0\n")
    run(["grep", "-n", "x"], 2, b"", ["-n"])
    run(["grep", "-E", "("], 2, b"", ["Unmatched"])
    run(["grep", "--where", "a | stat", "x"], 2, b"")
    run(["grep", "--geo", "nowhere", "x"], 3, b"", ["nowhere"])
    run(["grep", "--geo", "nowhere", "--partial", "refuse", "x"], 2, b"", ["nowhere"])


def other_cases(checks, collector):
    run = checks.run
    table = run(["query", "--output", "table", "* | stats by (level) count() as n | sort by (n desc)"], 0)
    checks.failed += table.split() != b"level n info 392 error 8".split()
    run(["query", "--output", "csv", "* | stats by (level) count() as n | sort by (n desc)"], 0, b'"level","n"\r\n"info","392"\r\n"error","8"\r\n')
    run(["query", "error | stat count()"], 2, b"", ["stats", "        ^^^^"])
    run(["query", "--geo", "test,nowhere", "* | stats count()"], 3)
    run(["fields", "--values", "level", "--output", "raw"], 2)
    checks.failed += b"392" not in run(["fields", "--values", "level", "--output", "csv", "* # a comment"], 0)
    run(["erase", "--where", "tenat:"], 2, b"", ["cannot erase by this filter", "unexpected end of query"])
    run(["erase", "--where", "error | limit 1"], 2, b"", ["cannot erase by this filter"])
    run(["erase", "--where", "ERROR # a comment"], 1, b"", ["stdin is no terminal"])
    run(["erase", "--where", "nowhere_at_all # a comment"], 1, b"", ["no row passes the filter"])
    run(["explain", "error"], 0)
    shown = run(["status"], 0)
    for word in (b"shippers (1)", b"connected", b" used, ", b"/app.log"):
        checks.failed += word not in shown
    run(["status", "--json"], 0)
    piped = subprocess.run(f"{programs()}/query/cli/dendro grep --server {collector.url} '' </dev/null | head -n 1; "
                           "echo ${PIPESTATUS[0]}", shell=True, executable="/bin/bash", capture_output=True)
    if not piped.stdout.endswith(b"\n141\n") and not piped.stdout.endswith(b"\n0\n") or piped.stderr:
        checks.failed += 1
        print(f"  FAILED a closed pipe: {piped}")


def main() -> int:
    lines = make_lines()
    with tempfile.TemporaryDirectory(prefix="dendro-cli-") as folder:
        top = pathlib.Path(folder)
        log = top / "app.log"
        log.write_bytes(whole(lines))
        collector = Collector(top / "collector").start()
        shipper = Shipper(top / "shipper", collector, [f"role=web,path={log}"]).start()
        try:
            wait_for_bytes(collector, {str(log): whole(lines)})
            checks = Checks(collector.url)
            grep_cases(checks, lines, f"test/web1:{log}".encode())
            other_cases(checks, collector)
        finally:
            shipper.stop()
            collector.stop()
    print(f"{checks.count} cases, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
