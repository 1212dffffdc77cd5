#!/usr/bin/env python3
"""The work whose profile scripts/build gives to the compiler: a small corpus through shipper and collector, then the bench's queries.
With --smoke, 2 MB and once: does it still run?"""
import pathlib
import sys
import tempfile

import bench
import large_store
from http_client import HttpClient

CORPUS_MB = 64
ROUNDS = 3


def main() -> int:
    smoke = "--smoke" in sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="dendro-train-") as folder:
        top = pathlib.Path(folder)
        files = bench.make_corpus(top / "corpus", 2 if smoke else CORPUS_MB)
        collector, _ = bench.ingest(top, files)
        large_store.restart_ms(collector)
        client = HttpClient(collector.http)
        for _, query in bench.our_queries(bench.samples_of(files)):
            client.time(1 if smoke else ROUNDS, "/dendro/v1/query", query=query, format="ndjson")
        collector.stop(seconds=300)
    return 0


if __name__ == "__main__":
    sys.exit(main())
