"""Views of a small clinic: forms come in, restores go out, some requests fail."""
import logging

import django
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpResponse, JsonResponse
from django.urls import path

log = logging.getLogger("clinic")


def server_up(request):
    return HttpResponse("success", content_type="text/plain")


def receiver(request, tenant):
    """Store a form and hand its processing to celery."""
    from clinic_tasks import process_form

    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO visit (tenant, body) VALUES (%s, %s) RETURNING id",
                       [tenant, request.body.decode("utf-8", "replace")[:200]])
        (number,) = cursor.fetchone()
    process_form.delay(tenant, number)
    log.info("stored form %d of %s", number, tenant)
    return HttpResponse(f"form {number}", status=201)


def restore(request, tenant):
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, body FROM visit WHERE tenant = %s ORDER BY id DESC LIMIT 5", [tenant])
        rows = cursor.fetchall()
    return JsonResponse({"visits": [number for number, _ in rows]})


def report(request, tenant):
    raise ValueError(f"no report for {tenant}")


urlpatterns = [
    path("serverup.txt", server_up),
    path("a/<str:tenant>/receiver/", receiver),
    path("a/<str:tenant>/phone/restore/", restore),
    path("a/<str:tenant>/reports/", report),
]
django.setup()
application = get_wsgi_application()
