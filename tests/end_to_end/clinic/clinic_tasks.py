"""The clinic's celery application: one task that works, one that retries, one that fails."""
import os
import time

from celery import Celery

broker = f"redis://127.0.0.1:{os.environ['CLINIC_REDIS_PORT']}/0"
app = Celery("clinic", broker=broker, backend=None)
app.conf.update(task_default_queue="export_queue", task_ignore_result=True, timezone="UTC", enable_utc=True,
                worker_hijack_root_logger=True, broker_connection_retry_on_startup=True)


@app.task(name="clinic.tasks.process_form")
def process_form(tenant, number):
    time.sleep(0.001 * (number % 5))
    if number % 20 == 0:
        raise ValueError(f"form {number} of {tenant} is broken")
    return number


@app.task(name="clinic.tasks.send_reminder", bind=True, max_retries=1, default_retry_delay=0)
def send_reminder(self, tenant):
    if self.request.retries == 0:
        raise self.retry(countdown=0)
    return tenant
