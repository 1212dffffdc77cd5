"""Settings of the small site that the end-to-end tests drive."""
import os

SECRET_KEY = "not a secret: this site lives on loopback for the length of a test"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "clinic_site"
INSTALLED_APPS = []
MIDDLEWARE = []
USE_TZ = True
TIME_ZONE = "UTC"
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres",
                         "HOST": "127.0.0.1", "PORT": os.environ["CLINIC_PG_PORT"], "CONN_MAX_AGE": 600}}
# The "verbose" layout of CommCare: level, asctime, module, pid, thread, message.
LOGGING = {
    "version": 1, "disable_existing_loggers": False,
    "formatters": {"verbose": {"format": "%(levelname)s %(asctime)s %(module)s %(process)d %(thread)d %(message)s"}},
    "handlers": {"file": {"class": "logging.handlers.WatchedFileHandler", "filename": os.environ["CLINIC_LOG"],
                          "formatter": "verbose"}},
    "root": {"handlers": ["file"], "level": "INFO"},
}
