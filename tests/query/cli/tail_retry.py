#!/usr/bin/env python3
"""`dendro tail` over breaks: a stub server sends a row and closes, refuses the next connection with 429, and sends another
row. The tail must wait, say why on stderr, and come back with its cursor. So must `grep --tail N --follow`, whose tail
begins at the cursor of its first answer."""
import http.server
import subprocess
import sys
import threading

ROW = b'id: %s\nevent: rows\ndata: {"n":1,"c":{"_msg":["row %d"]}}\n\n'
ANSWER = b'{"_head":{"columns":[]}}\n{"n":1,"c":{"_msg":["row 0"]}}\n{"_end":{"complete":true,"cursor":"a-0-7-0-0"}}\n'
REFUSAL = b'{"error":{"code":"too_many","message":"there are as many live tails as this node serves"}}'


class Stub(http.server.BaseHTTPRequestHandler):
    paths = []

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, "application/x-dendro-columns", ANSWER)

    def do_GET(self):
        self.paths.append(self.path)
        count = len(self.paths)
        if count == 2:
            self.answer(429, "application/json", REFUSAL)
        elif count > 3:
            self.answer(400, "application/json", b"{}")
        else:
            self.answer(200, "text/event-stream", b"retry: 1000\n\n" + ROW % (b"a-0-%d-0-0" % (10 * count), count))

    def log_message(self, *arguments):
        pass


def check(program, arguments, first_path, rows):
    Stub.paths = paths = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    done = subprocess.run([program, arguments[0], "--server", url, *arguments[1:]], capture_output=True, timeout=50,
                          stdin=subprocess.DEVNULL)
    server.shutdown()
    right = (done.stdout == rows and b"as many live tails" in done.stderr and b"trying again" in done.stderr and
             first_path in paths[0] and "cursor=a-0-10-0-0" in paths[2] and done.returncode == 2)
    print(f"  {'ok' if right else 'FAILED'} {arguments}" + ("" if right else f": {done} {paths}"))
    return right


def main():
    program = sys.argv[1]
    results = [check(program, ["tail", "-h", "x"], "/dendro/v1/tail?", b"row 1\nrow 3\n"),
               check(program, ["grep", "--tail", "1", "--follow", "x"], "cursor=a-0-7-0-0", b"row 0\nrow 1\nrow 3\n")]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
