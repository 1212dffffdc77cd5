#!/usr/bin/env python3
"""scripts/demo.py FOLDER WIRE GEO BUILD -- a small real stack under light load until it is stopped: gunicorn with a Django
site, celery on Redis, PostgreSQL, and a shipper of its own that sends their logs to the collector at WIRE."""
import os
import pathlib
import signal
import sys
import time

os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/end_to_end"))
from stack.servers import Celery, Gunicorn, Postgres, Redis  # noqa: E402
from stack.service import Service  # noqa: E402
from test_stack import Load  # noqa: E402


class DemoShipper(Service):
    name = "dendro-shipper"

    def __init__(self, folder, wire, geo, build, sources):
        super().__init__(folder)
        self.words = [f"{build}/shipper/dendro-shipper", "--collector", wire, "--state", str(folder / "state"), "--geo", geo,
                      "--host", "demo", "--no-host-metrics"]
        for source in sources:
            self.words += ["--source", source]

    def command(self):
        return self.words


def main() -> int:
    if len(sys.argv) != 5:
        print(__doc__, file=sys.stderr)
        return 2
    top, wire, geo, build = pathlib.Path(sys.argv[1]), *sys.argv[2:]
    top.chmod(0o755)
    stopping = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.append(True))
    services = []

    def up(service):
        services.append(service)
        return service.start()

    try:
        redis, postgres = up(Redis(top / "redis")), up(Postgres(top / "postgres"))
        postgres.sql("CREATE TABLE IF NOT EXISTS visit (id serial PRIMARY KEY, tenant text, body text)")
        celery = up(Celery(top / "celery", postgres, redis))
        gunicorn = up(Gunicorn(top / "gunicorn", postgres, redis))
        up(DemoShipper(top / "shipper", wire, geo, build, [
            f"role=web,path={gunicorn.access}", f"role=web,path={gunicorn.error}", f"role=web,path={gunicorn.folder}/django.log",
            f"role=task,path={celery.log}", f"role=postgres,path={postgres.logs}/*.csv", f"role=redis,path={redis.log}"]))
        load, number = Load(gunicorn), 0
        while not stopping:
            load.request(number)
            number += 1
            time.sleep(0.1)
    finally:
        for service in reversed(services):
            service.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
