"""One connection for all runs of a question, as dashboards and agents keep theirs: what is timed is the server, not the making of
connections. A server closes one that is idle for long, so each question has its own."""
import http.client
import statistics
import time
import urllib.parse


class HttpClient:
    def __init__(self, port: int):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def get(self, path: str, **parameters) -> bytes:
        self.connection.request("GET", f"{path}?{urllib.parse.urlencode(parameters)}")
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RefusedQuery(f"{answer.status}: {body[:300].decode(errors='replace')}")
        return body

    def time(self, runs: int, path: str, **parameters):
        """Median wall time of a whole answer in ms over `runs` after one warm-up, and the last answer."""
        times, body = [], b""
        for _ in range(runs + 1):
            begun = time.perf_counter()
            body = self.get(path, **parameters)
            times.append((time.perf_counter() - begun) * 1000)
        return statistics.median(times[1:]), body


class RefusedQuery(Exception):
    """The server said no; the text is its status and the begin of its answer."""
