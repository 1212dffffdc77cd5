#!/usr/bin/env python3
"""`dendro tail` whose reader goes away, as in `dendro tail | head -1`: it ends at once, also when no further line comes, says
nothing on stderr, and ends as grep does: with 0, or by SIGPIPE. So does `grep --tail N --follow`. The server sees the end."""
import http.server
import signal
import subprocess
import sys
import threading
import time

ROW = b'id: a-0-%d-0-0\nevent: rows\ndata: {"n":1,"c":{"_msg":["row %d"]}}\n\n'
ANSWER = b'{"_head":{"columns":[]}}\n{"n":1,"c":{"_msg":["row 0"]}}\n{"_end":{"complete":true,"cursor":"a-0-7-0-0"}}\n'
ENDS_WITHIN_S = 15
ENOUGH_ROWS = 2000


class Stub(http.server.BaseHTTPRequestHandler):
    row_every_s = None  # None: one row, and nothing behind it
    begun = None        # set when a tail is asked for: grep may be over before it asks
    gone = None         # set when a write finds nobody

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-dendro-columns")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def do_GET(self):
        self.begun.set()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            for number in range(ENOUGH_ROWS):
                idle = number > 0 and self.row_every_s is None
                self.wfile.write(b": still here\n\n" if idle else ROW % (number, number))
                self.wfile.flush()
                time.sleep(self.row_every_s or 0.1)
        except OSError:
            self.gone.set()

    def log_message(self, *arguments):
        pass


def check(program, arguments, row_every_s):
    Stub.row_every_s, Stub.begun, Stub.gone = row_every_s, threading.Event(), threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    tail = subprocess.Popen([program, arguments[0], "--server", f"http://127.0.0.1:{server.server_port}", *arguments[1:]],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    first = tail.stdout.readline()
    tail.stdout.close()
    try:
        status = tail.wait(timeout=ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        tail.kill()
        status = tail.wait()
    said = tail.stderr.read()
    seen = Stub.gone.wait(ENDS_WITHIN_S) if Stub.begun.is_set() else arguments[0] == "grep"
    right = first == b"row 0\n" and status in (0, -signal.SIGPIPE) and said == b"" and seen
    server.shutdown()
    print(f"  {'ok' if right else 'FAILED'} {arguments}, {'idle' if row_every_s is None else 'busy'}" +
          ("" if right else f": {first} {status} {said}"))
    return right


def main():
    program = sys.argv[1]
    follow = ["grep", "--tail", "1", "--follow", "x"]
    results = [check(program, arguments, every) for arguments in (["tail", "-h", "x"], follow) for every in (None, 0.05)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
