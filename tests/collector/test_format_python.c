/* tests/collector/test_format_python.c -- gunicorn, Django, CommCare's couch log, celery. Expected
 * values are read off the lines by hand; the rules are in collector/formats/README.md. */
#include "collector/formats/formats.h"
#include "collector/formats/scan.h"
#include "format_case.h"

#define T11 "2026-04-02T09:20:11.000000Z"

static const struct format_case gunicorn_access_cases[] = {
    {.name = "escaped quote in the agent, integer without a unit",
     .event = "10.31.4.18 - - [02/Apr/2026:09:20:11 +0000] \"POST /a/river-clinic/receiver/ "
              "HTTP/1.1\" 201 118 \"-\" \"okhttp/5.0 \\\"k\\\"\" 240917",
     .time = T11, .level = LEVEL_INFO, .detected_as_other = true,
     .fields = {"client=10.31.4.18", "method=POST", "path=/a/river-clinic/receiver/", "status=201",
                "bytes=118 B", "agent=okhttp/5.0 \\\"k\\\""}},
    {.name = "the integer's unit is a setting, pid in angle brackets",
     .event = "10.0.0.1 - bob [02/Apr/2026:09:20:11 +0530] \"GET /x?y=1 HTTP/1.1\" 502 - \"-\" "
              "\"curl\" 240917 <603>",
     .time = "2026-04-02T03:50:11.000000Z", .level = LEVEL_ERROR, .detected_as_other = true,
     .settings = {.duration_unit = UNIT_MICROSECONDS},
     .fields = {"client=10.0.0.1", "user=bob", "method=GET", "path=/x", "params=y=1", "status=502",
                "agent=curl", "duration=240917 us", "pid=603"}},
    {.name = "a point means seconds whatever the setting",
     .event = "10.0.0.1 - - [02/Apr/2026:09:20:11 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"c\" "
              "0.240917",
     .time = T11, .level = LEVEL_INFO, .detected_as_other = true,
     .settings = {.duration_unit = UNIT_MILLISECONDS},
     .fields = {"client=10.0.0.1", "method=GET", "path=/", "status=200", "bytes=5 B", "agent=c",
                "duration=0.240917 s"}},
    {.name = "a value that ends in a backslash",
     .event = "10.0.0.1 - - [02/Apr/2026:09:20:11 +0000] \"GET /x\\\" 200 118 \"http://h/\" \"a\"",
     .time = T11, .level = LEVEL_INFO, .detected_as_other = true,
     .fields = {"client=10.0.0.1", "method=GET", "path=/x\\", "status=200", "bytes=118 B",
                "referer=http://h/", "agent=a"}},
    {.name = "unix socket: no address",
     .event = " - - [02/Apr/2026:09:20:11 +0000] \"GET /x HTTP/1.0\" 404 0 \"-\" \"-\"",
     .time = T11, .level = LEVEL_WARNING, .detected_as_other = true,
     .fields = {"method=GET", "path=/x", "status=404", "bytes=0 B"}},
    {.name = "the whole status string, bytes None",
     .event = "10.0.0.1 - - [02/Apr/2026:09:20:11 +0000] \"GET /x HTTP/1.0\" 200 OK None \"-\" "
              "\"-\"",
     .time = T11, .level = LEVEL_INFO, .detected_as_other = true,
     .fields = {"client=10.0.0.1", "method=GET", "path=/x", "status=200"}},
    {.name = "forwarded for, quoted, in the tail",
     .event = "10.0.0.1 - - [02/Apr/2026:09:20:11 +0000] \"GET /x HTTP/1.0\" 200 1 \"-\" \"b\" "
              "\"203.0.113.9, 10.0.0.7\"",
     .time = T11, .level = LEVEL_INFO, .detected_as_other = true,
     .fields = {"client=203.0.113.9", "peer=10.0.0.1", "method=GET", "path=/x", "status=200",
                "bytes=1 B", "agent=b"}},
    {.name = "no log line at all", .event = "Borked", .refused = true},
    {.name = "empty", .event = "", .refused = true},
};

static const struct format_case gunicorn_error_cases[] = {
    {.name = "worker timeout",
     .event = "[2026-04-02 09:20:11 +0000] [603] [CRITICAL] WORKER TIMEOUT (pid:1190)",
     .time = T11, .level = LEVEL_CRIT, .fields = {"pid=603"}},
    {.name = "debug hook gives method and path",
     .event = "[2026-04-02 09:20:11 +0100] [603] [DEBUG] POST /a/lake-ngo/receiver/",
     .time = "2026-04-02T08:20:11.000000Z", .level = LEVEL_DEBUG,
     .fields = {"pid=603", "method=POST", "path=/a/lake-ngo/receiver/"}},
    {.name = "signal",
     .event = "[2026-04-02 09:20:11 +0000] [603] [ERROR] Worker (pid:1190) was sent SIGKILL! "
              "Perhaps out of memory?",
     .time = T11, .level = LEVEL_ERROR, .fields = {"pid=603", "signal=SIGKILL"}},
    {.name = "terminated due to signal",
     .event = "[2026-04-02 09:20:11 +0000] [603] [WARNING] Worker with pid 1190 was terminated due "
              "to signal 9",
     .time = T11, .level = LEVEL_WARNING, .fields = {"pid=603", "signal=9"}},
    {.name = "before 19: no brackets, no zone",
     .event = "2026-04-02 09:20:11 [603] [INFO] Booting worker with pid: 604",
     .time = T11, .level = LEVEL_INFO, .fields = {"pid=603"}},
    {.name = "error handling a request, with traceback",
     .event = "[2026-04-02 09:20:11 +0000] [603] [ERROR] Error handling request /a/x/y/?k=v\n"
              "Traceback (most recent call last):\n"
              "  File \"/x.py\", line 1, in f\n"
              "ValueError: bad\n"
              "\n"
              "During handling of the above exception, another exception occurred:\n"
              "\n"
              "Traceback (most recent call last):\n"
              "  File \"/y.py\", line 2, in g\n"
              "django.db.utils.DataError: value too long\n"
              "DETAIL:  more",
     .time = T11, .level = LEVEL_ERROR,
     .fields = {"pid=603", "path=/a/x/y/", "params=k=v", "exception=django.db.utils.DataError"}},
    {.name = "invalid request",
     .event = "[2026-04-02 09:20:11 +0000] [603] [WARNING] Invalid request from ip=192.0.2.4: bad",
     .time = T11, .level = LEVEL_WARNING, .fields = {"pid=603", "client=192.0.2.4"}},
    {.name = "python logging on the same stream",
     .event = "[2026-04-02 09:20:11,512] ERROR in app: x", .refused = true},
};

static const struct format_case django_cases[] = {
    {.name = "verbose",
     .event = "ERROR 2026-04-02 09:20:11,084 exports 3077 140187734 Could not write export",
     .time = "2026-04-02T09:20:11.084000Z", .level = LEVEL_ERROR,
     .fields = {"logger=exports", "pid=3077", "thread=140187734"}},
    {.name = "simple with logger, django.request",
     .event = "2026-04-02 09:20:11,084 ERROR [django.request] Internal Server Error: /a/t/x/?q=1",
     .time = "2026-04-02T09:20:11.084000Z", .level = LEVEL_ERROR,
     .fields = {"logger=django.request", "path=/a/t/x/", "params=q=1", "~status=500"}},
    {.name = "older simple: no logger",
     .event = "2026-04-02 09:20:11,084 WARN Not Found: /x",
     .time = "2026-04-02T09:20:11.084000Z", .level = LEVEL_WARNING,
     .fields = {"path=/x", "~status=404"}},
    {.name = "forbidden with a reason",
     .event = "2026-04-02 09:20:11,084 WARNING [django.security.csrf] Forbidden (CSRF cookie not "
              "set.): /accounts/login/",
     .time = "2026-04-02T09:20:11.084000Z", .level = LEVEL_WARNING,
     .fields = {"logger=django.security.csrf", "path=/accounts/login/", "~status=403"}},
    {.name = "pillowtop, by the file's name",
     .event = "2026-04-02 09:20:11,084 INFO pillow_base Processed 10 docs",
     .time = "2026-04-02T09:20:11.084000Z", .level = LEVEL_INFO,
     .settings = {.path = SLICE_INIT("/log/pillowtop-x-0.log")}, .fields = {"logger=pillow_base"}},
    {.name = "tutorial layout",
     .event = "2026-04-02 09:20:11,084 - my.app - FATAL - stop",
     .time = "2026-04-02T09:20:11.084000Z", .level = LEVEL_CRIT, .fields = {"logger=my.app"}},
    {.name = "flask-like",
     .event = "[2026-04-02 09:20:11,512] ERROR in app: Exception on /x [GET]",
     .time = "2026-04-02T09:20:11.512000Z", .level = LEVEL_ERROR, .fields = {"logger=app"}},
    {.name = "basicConfig", .event = "WARNING:urllib3.connectionpool:Retrying",
     .level = LEVEL_WARNING, .fields = {"logger=urllib3.connectionpool"}},
    {.name = "oldest: level and message", .event = "INFO Started", .level = LEVEL_INFO,
     .detected_as_other = true},
    {.name = "exception group gutter",
     .event = "2026-04-02 09:20:11,084 ERROR [a] failed\n"
              "  + Exception Group Traceback (most recent call last):\n"
              "Traceback (most recent call last):\n  File \"x\"\nOSError: [Errno 2] no file",
     .time = "2026-04-02T09:20:11.084000Z", .level = LEVEL_ERROR,
     .fields = {"logger=a", "exception=OSError"}},
    {.name = "not a log line", .event = "Borked", .refused = true},
};

static const struct format_case celery_cases[] = {
    {.name = "succeeded",
     .event = "[2026-04-02 09:20:11,377: INFO/ForkPoolWorker-7] Task corehq.apps.demo.tasks.send["
              "2b7e1516-1111-4222-8333-444455556666] succeeded in 0.3184s: None",
     .time = "2026-04-02T09:20:11.377000Z", .level = LEVEL_INFO,
     .settings = {.path = SLICE_INIT("/log/celery_case_import_queue_0.log")},
     .fields = {"thread=ForkPoolWorker-7", "task=corehq.apps.demo.tasks.send",
                "task_id=2b7e1516-1111-4222-8333-444455556666", "duration=0.3184 s",
                "~queue=case_import_queue"}},
    {.name = "runtime with an exponent; the result holds brackets and quotes",
     .event = "[2026-04-02 09:20:11,377: INFO/MainProcess] Task a.b[id-1] succeeded in 4.8e-05s: "
              "'x] s: [y]'",
     .time = "2026-04-02T09:20:11.377000Z", .level = LEVEL_INFO,
     .fields = {"thread=MainProcess", "task=a.b", "task_id=id-1", "duration=4.8e-05 s"}},
    {.name = "task succeeded, a time without an end",
     .event = "[2026-04-02 09:20:11,377: INFO/MainProcess] Task a.b[id-1] succeeded in 1e999s: None",
     .time = "2026-04-02T09:20:11.377000Z", .level = LEVEL_INFO,
     .fields = {"thread=MainProcess", "task=a.b", "task_id=id-1"}},
    {.name = "raised, with traceback",
     .event = "[2026-04-02 09:20:11,402: ERROR/ForkPoolWorker-3] Task demo.build[77f0] raised "
              "unexpected: ValueError('y')\nTraceback (most recent call last):\n  File \"a\"\n"
              "ValueError: y",
     .time = "2026-04-02T09:20:11.402000Z", .level = LEVEL_ERROR,
     .fields = {"thread=ForkPoolWorker-3", "task=demo.build", "task_id=77f0",
                "exception=ValueError"}},
    {.name = "received, 5.1", .event = "[2026-04-02 09:20:11,402: INFO/MainProcess] Task t.x[i] "
                                       "received",
     .time = "2026-04-02T09:20:11.402000Z", .level = LEVEL_INFO,
     .fields = {"thread=MainProcess", "task=t.x", "task_id=i"}},
    {.name = "received, 3.1 to 5.0",
     .event = "[2026-04-02 09:20:11,402: INFO/MainProcess] Received task: t.x[i]  "
              "ETA:[2026-04-02 10:00:00+00:00]",
     .time = "2026-04-02T09:20:11.402000Z", .level = LEVEL_INFO,
     .fields = {"thread=MainProcess", "task=t.x", "task_id=i"}},
    {.name = "received, 3.0",
     .event = "[2026-04-02 09:20:11,402: INFO/MainProcess] Got task from broker: t.x[i]",
     .time = "2026-04-02T09:20:11.402000Z", .level = LEVEL_INFO,
     .fields = {"thread=MainProcess", "task=t.x", "task_id=i"}},
    {.name = "time limit",
     .event = "[2026-04-02 09:20:11,402: WARNING/MainProcess] Soft time limit (60s) exceeded for "
              "t.x[i]",
     .time = "2026-04-02T09:20:11.402000Z", .level = LEVEL_WARNING,
     .fields = {"thread=MainProcess", "task=t.x", "task_id=i"}},
    {.name = "task logger",
     .event = "[2026-04-02 09:20:11,402: INFO/ForkPoolWorker-1:2] t.x[i-9]: working",
     .time = "2026-04-02T09:20:11.402000Z", .level = LEVEL_INFO,
     .fields = {"thread=ForkPoolWorker-1:2", "task=t.x", "task_id=i-9"}},
    {.name = "task logger outside a task",
     .event = "[2026-04-02 09:20:11,402: INFO/MainProcess] ???[???]: idle",
     .time = "2026-04-02T09:20:11.402000Z", .level = LEVEL_INFO,
     .fields = {"thread=MainProcess"}},
    {.name = "beat: the last parentheses",
     .event = "[2026-04-02 09:20:11,402: INFO/Beat] Scheduler: Sending due task my (daily) entry "
              "(app.tasks.daily)",
     .time = "2026-04-02T09:20:11.402000Z", .level = LEVEL_INFO,
     .fields = {"thread=Beat", "task=app.tasks.daily"}},
    {.name = "a name with a blank",
     .event = "[2026-04-02 09:20:11,402: INFO/MainProcess] Task my task[i] received",
     .time = "2026-04-02T09:20:11.402000Z", .level = LEVEL_INFO,
     .fields = {"thread=MainProcess", "task=my task", "task_id=i"}},
    {.name = "terminating",
     .event = "[2026-04-02 09:20:11,402: INFO/MainProcess] Terminating 77f0 (Signals.SIGTERM)",
     .time = "2026-04-02T09:20:11.402000Z", .level = LEVEL_INFO,
     .fields = {"thread=MainProcess", "task_id=77f0"}},
    {.name = "banner", .event = "[config]\n.> app:         commcare:0x7f", .level = LEVEL_INFO,
     .detected_as_other = true, .settings = {.path = SLICE_INIT("/log/celery_a,b_1.error.log")},
     .fields = {"~queue=a,b"}},
    {.name = "flower has no queue",
     .event = "[2026-04-02 09:20:11,402: INFO/MainProcess] x",
     .time = "2026-04-02T09:20:11.402000Z", .level = LEVEL_INFO,
     .settings = {.path = SLICE_INIT("/log/celery_flower.log")}, .fields = {"thread=MainProcess"}},
};

static const struct format_case couch_log_cases[] = {
    {.name = "8 words",
     .event = "2015-10-31 18:32:03,963 [:mvp-pampaida] /a/mvp-pampaida/receiver/630916/ PUT None "
              "d3abf611 0:00:00.191515",
     .time = "2015-10-31T18:32:03.963000Z", .level = LEVEL_INFO,
     .fields = {"tenant=mvp-pampaida", "caller=/a/mvp-pampaida/receiver/630916/", "method=PUT",
                "path=d3abf611", "duration=0:00:00.191515 own"}},
    {.name = "9 words, user with @, seconds",
     .event = "2017-05-04 12:20:21,416 [123@my-dom.commcarehq.org:my-dom] /a/my-dom/phone/restore/ "
              "HEAD 200 260 /commcarehq/ 0.004076",
     .time = "2017-05-04T12:20:21.416000Z", .level = LEVEL_INFO,
     .fields = {"user=123@my-dom.commcarehq.org", "tenant=my-dom",
                "caller=/a/my-dom/phone/restore/", "method=HEAD", "status=200", "bytes=260 B",
                "path=/commcarehq/", "duration=0.004076 s"}},
    {.name = "10 words",
     .event = "2017-05-04 12:20:21,416 [u:t] /a/t/x hqdb GET 404 None doc 0:00:01",
     .time = "2017-05-04T12:20:21.416000Z", .level = LEVEL_WARNING,
     .fields = {"user=u", "tenant=t", "caller=/a/t/x", "database=hqdb", "method=GET", "status=404",
                "path=doc", "duration=0:00:01 own"}},
    {.name = "11 words, a task",
     .event = "2026-04-02 09:20:12,011 [None:None] - corehq.apps.demo.tasks.rebuild hqdb PUT 201 88 "
              "00112233445566778899aabbccddeeff 0:00:01",
     .time = "2026-04-02T09:20:12.011000Z", .level = LEVEL_INFO,
     .fields = {"task=corehq.apps.demo.tasks.rebuild", "database=hqdb", "method=PUT", "status=201",
                "bytes=88 B", "path=00112233445566778899aabbccddeeff", "duration=0:00:01 own"}},
    {.name = "11 words, no task",
     .event = "2026-04-02 09:20:11,530 [nurse4@river-clinic.commcarehq.org:river-clinic] "
              "/a/river-clinic/phone/restore/ - hq__users GET 200 None _design/users/_view/by_name "
              "0:00:00.006118",
     .time = "2026-04-02T09:20:11.530000Z", .level = LEVEL_INFO,
     .fields = {"user=nurse4@river-clinic.commcarehq.org", "tenant=river-clinic",
                "caller=/a/river-clinic/phone/restore/", "database=hq__users", "method=GET",
                "status=200", "path=_design/users/_view/by_name", "duration=0:00:00.006118 own"}},
    {.name = "more than a day",
     .event = "2026-04-02 09:20:12,011 [:t] - x hqdb PUT 201 88 doc 1 day, 0:00:02",
     .time = "2026-04-02T09:20:12.011000Z", .level = LEVEL_INFO,
     .fields = {"tenant=t", "task=x", "database=hqdb", "method=PUT", "status=201", "bytes=88 B",
                "path=doc", "duration=1 day, 0:00:02 own"}},
    {.name = "negative",
     .event = "2026-04-02 09:20:12,011 [:t] /u PUT 201 doc -1 day, 23:59:59",
     .time = "2026-04-02T09:20:12.011000Z", .level = LEVEL_INFO,
     .fields = {"tenant=t", "caller=/u", "method=PUT", "status=201", "path=doc",
                "duration=-1 day, 23:59:59 own"}},
    {.name = "Borked", .event = "Borked", .refused = true},
    {.name = "too few words", .event = "2026-04-02 09:20:12,011 [:t] /u PUT 201 doc",
     .refused = true},
};

static void test_gunicorn_access(void **unused)
{
    (void)unused;
    CHECK_CASES(&format_gunicorn_access, gunicorn_access_cases);
}

static void test_gunicorn_error(void **unused)
{
    (void)unused;
    CHECK_CASES(&format_gunicorn_error, gunicorn_error_cases);
}

static void test_django(void **unused)
{
    (void)unused;
    CHECK_CASES(&format_django, django_cases);
}

static void test_celery(void **unused)
{
    (void)unused;
    CHECK_CASES(&format_celery, celery_cases);
}

static void test_commcare_couch(void **unused)
{
    (void)unused;
    CHECK_CASES(&format_commcare_couch, couch_log_cases);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gunicorn_access), cmocka_unit_test(test_gunicorn_error),
        cmocka_unit_test(test_django),          cmocka_unit_test(test_celery),
        cmocka_unit_test(test_commcare_couch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
