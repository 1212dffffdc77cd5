"""Redis, PostgreSQL, gunicorn with a Django site, celery, Elasticsearch: as a team would run them."""
import glob
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import urllib.request

from .service import PATIENCE_S, Failed, Service, as_user, free_port, wait_until

CLINIC = pathlib.Path(__file__).resolve().parents[1] / "clinic"
PYTHON = "/usr/bin/python3"  # Debian's, which sees Debian's python3-* packages


class Redis(Service):
    name = "redis"

    def __init__(self, folder):
        super().__init__(folder)
        self.port = free_port()
        self.log = folder / "redis.log"

    def command(self):
        return ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder),
                "--logfile", str(self.log), "--save", "", "--loglevel", "verbose"]

    def ready(self):
        return self.cli("ping").strip() == "PONG"

    def cli(self, *words):
        return subprocess.run(["redis-cli", "-p", str(self.port), *words], capture_output=True, text=True,
                              check=True, timeout=PATIENCE_S).stdout


class Postgres(Service):
    """One cluster that logs every statement to stderr files and to csvlog."""

    name = "postgresql"
    user = "postgres"

    def __init__(self, folder):
        super().__init__(folder)
        self.port = free_port()
        self.data = folder / "data"
        self.logs = folder / "pg_log"
        self.bin = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])

    def start(self, seconds=PATIENCE_S):
        if not self.data.exists():
            subprocess.run(as_user(self.user) + [self.bin / "initdb", "-D", self.data, "-A", "trust", "-U", "postgres",
                           "-E", "UTF8", "--no-sync"], check=True, capture_output=True, cwd=self.folder)
            (self.data / "postgresql.auto.conf").write_text(f"""
listen_addresses = '127.0.0.1'
port = {self.port}
unix_socket_directories = '{self.folder}'
logging_collector = on
log_destination = 'stderr,csvlog'
log_directory = '{self.logs}'
log_filename = 'postgresql-%Y-%m-%d_%H%M%S.log'
log_file_mode = 0644
log_line_prefix = '%m [%p] %q%u@%d '
log_min_duration_statement = 0
log_connections = on
log_disconnections = on
log_timezone = 'UTC'
shared_preload_libraries = 'pg_stat_statements'
fsync = off
""")
            if os.getuid() == 0:
                shutil.chown(self.data / "postgresql.auto.conf", self.user, self.user)
        return super().start(seconds)

    def command(self):
        return [str(self.bin / "postgres"), "-D", str(self.data)]

    def stop(self, how=signal.SIGINT, seconds=PATIENCE_S):
        super().stop(how, seconds)

    def ready(self):
        return self.sql("select 1").strip() == "1"

    def sql(self, text, database="postgres"):
        return subprocess.run(["psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database, "-qAt",
                               "-v", "ON_ERROR_STOP=1", "-c", text], capture_output=True, text=True, check=True,
                              timeout=PATIENCE_S).stdout


class Site(Service):
    """What gunicorn and celery share: the Django site in ../clinic."""

    def __init__(self, folder, postgres: Postgres, redis: Redis):
        super().__init__(folder)
        self.postgres, self.redis = postgres, redis

    def environment(self):
        return {**os.environ, "PYTHONPATH": str(CLINIC), "PYTHONDONTWRITEBYTECODE": "1",
                "DJANGO_SETTINGS_MODULE": "clinic_settings", "CLINIC_PG_PORT": str(self.postgres.port),
                "CLINIC_REDIS_PORT": str(self.redis.port), "CLINIC_LOG": str(self.folder / "django.log"), "TZ": "UTC"}


class Gunicorn(Site):
    name = "gunicorn"

    def __init__(self, folder, postgres, redis):
        super().__init__(folder, postgres, redis)
        self.port = free_port()
        self.access, self.error = folder / "access.log", folder / "error.log"

    def command(self):
        return [PYTHON, "-m", "gunicorn", "clinic_site:application", "--bind", f"127.0.0.1:{self.port}", "--workers", "2",
                "--timeout", str(PATIENCE_S),
                "--access-logfile", str(self.access), "--error-logfile", str(self.error), "--log-level", "debug",
                "--access-logformat", '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s" %(D)s']

    def ready(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/serverup.txt", timeout=5) as answer:
            return answer.status == 200

    def reopen(self):
        """What logrotate's postrotate does after a rename."""
        self.process.send_signal(signal.SIGUSR1)


class Celery(Site):
    name = "celery"

    def __init__(self, folder, postgres, redis, queue="export_queue"):
        super().__init__(folder, postgres, redis)
        self.queue = queue
        self.log = folder / f"celery_{queue}_0.log"

    def command(self):
        return [PYTHON, "-m", "celery", "-A", "clinic_tasks", "worker", "--loglevel=INFO", "--events", "-c", "2", "-Q",
                self.queue, "-n", "worker@clinic", f"--logfile={self.log}"]

    def inspect(self, what):
        program = ("import json, clinic_tasks; "
                   f"print(json.dumps(clinic_tasks.app.control.inspect(timeout=10).{what}()))")
        import json

        answer = json.loads(subprocess.run([PYTHON, "-c", program], env=self.environment(), capture_output=True, text=True,
                                         check=True, timeout=PATIENCE_S).stdout.splitlines()[-1])
        if answer is None:
            raise Failed(f"no worker answers what is {what}")
        return answer

    def ready(self):
        return bool(self.inspect("ping"))

    def task_totals(self) -> dict[str, int]:
        """The worker's own count of accepted tasks by name."""
        return next(iter(wait_until("the worker counts", lambda: self.inspect("stats")).values()))["total"]


ELASTIC_VERSION = "7.17.28"


def elastic_archive() -> pathlib.Path | None:
    """The server's archive from Maven artifacts, or None when it is not to be had."""
    path = pathlib.Path.home() / (".m2/repository/org/elasticsearch/distribution/integ-test-zip/elasticsearch/"
                                  f"{ELASTIC_VERSION}/elasticsearch-{ELASTIC_VERSION}.zip")
    if not path.exists():
        coordinates = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{ELASTIC_VERSION}:zip"
        subprocess.run(["mvn", "-q", "-B", "dependency:get", f"-Dartifact={coordinates}", "-Dtransitive=false"],
                       check=False, timeout=400, stdout=sys.stderr)
    return path if path.exists() else None


class Elasticsearch(Service):
    name = "elasticsearch"
    user, group = "nobody", "nogroup"

    def __init__(self, folder, archive: pathlib.Path):
        super().__init__(folder)
        self.port = free_port()
        self.logs = folder / "logs"
        self.home = folder / f"elasticsearch-{ELASTIC_VERSION}"
        if not self.home.exists():
            subprocess.run(["unzip", "-q", str(archive), "-d", str(folder)], check=True)
            (self.home / "config/elasticsearch.yml").write_text(f"""
cluster.name: clinic
node.name: data1
network.host: 127.0.0.1
http.port: {self.port}
transport.port: {free_port()}
discovery.type: single-node
path.data: {folder}/data
path.logs: {self.logs}
xpack.security.enabled: false
""")
        if os.getuid() == 0:
            subprocess.run(["chown", "-R", "nobody:nogroup", str(folder)], check=True)

    def command(self):
        return [str(self.home / "bin/elasticsearch")]

    def environment(self):
        java = pathlib.Path(shutil.which("java")).resolve().parents[1]
        return {**os.environ, "ES_JAVA_HOME": str(java), "ES_JAVA_OPTS": "-Xms300m -Xmx300m", "HOME": str(self.folder),
                "TZ": "UTC"}

    def start(self, seconds=5 * PATIENCE_S):
        return super().start(seconds)

    def ready(self):
        return self.call("GET", "/")["version"]["number"] == ELASTIC_VERSION

    def call(self, method, path, body=None):
        import json

        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)
