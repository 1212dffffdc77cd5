/* tests/bench/corpus_lines.c -- one writer per kind of log. */
#include "tests/bench/corpus_lines.h"

#include <stdio.h>
#include <time.h>

#define PICK(corpus, table) ((table)[random_below(&(corpus)->random, COUNT_OF(table))])

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const words[] = {"river", "lake", "north", "hill", "green", "hope", "delta",
                                    "sun", "clinic", "field", "rural", "coast", "valley", "star"};
static const char *const kinds_of_place[] = {"clinic", "ngo", "health", "trial", "study", "survey"};
static const char *const agents[] = {
    "okhttp/4.9.3",
    "CommCare/2.53.1 (Android 12; SM-A125F)",
    "CommCare/2.52.0 (Android 10; TECNO KC8)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/121.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:122.0) Gecko/20100101 Firefox/122.0",
    "python-requests/2.31.0",
};
static const char *const tasks[] = {
    "corehq.apps.export.tasks.populate_export_download_task",
    "corehq.apps.sms.tasks.process_sms",
    "corehq.apps.repeaters.tasks.process_repeater",
    "corehq.apps.users.tasks.update_domain_date",
    "corehq.messaging.scheduling.tasks.refresh_alert_schedule_instances",
    "corehq.apps.case_importer.tasks.bulk_import_async",
    "corehq.apps.reports.tasks.export_all_rows_task",
    "corehq.form_processor.tasks.reprocess_submission",
};
static const char *const loggers[] = {
    "corehq.apps.api.resources.v0_5", "celery.worker.strategy", "pillowtop.processors.elastic",
    "corehq.form_processor.submission_post", "django.request", "corehq.apps.hqwebapp.views",
};
static const char *const tables[] = {
    "form_processor_xforminstancesql", "form_processor_commcarecasesql", "auditcare_navigationeventaudit",
    "users_devicelog", "phonelog_devicereportentry", "sms_sms", "repeaters_repeatrecord",
    "casexml_indexes", "scheduling_alertscheduleinstance", "blobs_blobmeta",
};
static const char *const indexes[] = {"hqforms_2024-05-09", "hqcases_2024-05-09", "hqusers_2017-09-07",
                                      "hqdomains_2021-03-08", "report_xforms_2025"};

static void tenant(struct corpus *corpus, struct buf *out)
{
    uint32_t rank = random_zipf(&corpus->random, TENANT_COUNT);

    (void)buf_printf(out, "%s-%s-%u", words[rank % COUNT_OF(words)],
                     kinds_of_place[rank / 14 % COUNT_OF(kinds_of_place)], rank);
}

static void hex(struct corpus *corpus, unsigned digits, struct buf *out)
{
    char text[40];

    (void)snprintf(text, sizeof(text), "%016llx%016llx",
                   (unsigned long long)random_u64(&corpus->random),
                   (unsigned long long)random_u64(&corpus->random));
    (void)buf_append(out, text, digits);
}

/* An application or build id: some thousands exist, few are used most. */
static void app_id(struct corpus *corpus, struct buf *out)
{
    struct corpus known = {.random = {random_zipf(&corpus->random, APP_COUNT) + 1}};

    hex(&known, 32, out);
}

static void uuid_text(struct corpus *corpus, char text[37])
{
    uint64_t high = random_u64(&corpus->random), low = random_u64(&corpus->random);

    (void)snprintf(text, 37, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(high >> 32),
                   (unsigned)(high >> 16) & 0xffff, (unsigned)high & 0xfff,
                   0x8000U | ((unsigned)(low >> 48) & 0x3fff),
                   (unsigned long long)(low & 0xffffffffffffU));
}

static struct tm clock_parts(const struct corpus *corpus)
{
    time_t seconds = (time_t)(corpus->now_us / 1000000);
    struct tm parts;

    (void)gmtime_r(&seconds, &parts);
    return parts;
}

static unsigned millis(const struct corpus *corpus)
{
    return (unsigned)(corpus->now_us / 1000 % 1000);
}

static void clf_time(const struct corpus *corpus, struct buf *out)
{
    struct tm t = clock_parts(corpus);

    (void)buf_printf(out, "[%02d/%s/%d:%02d:%02d:%02d +0000]", t.tm_mday, months[t.tm_mon],
                     t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

/* "2026-03-02 09:20:11", with `separator` between date and time. */
static void iso_time(const struct corpus *corpus, char separator, struct buf *out)
{
    struct tm t = clock_parts(corpus);

    (void)buf_printf(out, "%04d-%02d-%02d%c%02d:%02d:%02d", t.tm_year + 1900, t.tm_mon + 1,
                     t.tm_mday, separator, t.tm_hour, t.tm_min, t.tm_sec);
}

static void iso_time_ms(const struct corpus *corpus, char separator, char point, struct buf *out)
{
    iso_time(corpus, separator, out);
    (void)buf_printf(out, "%c%03u", point, millis(corpus));
}

static void address(struct corpus *corpus, struct buf *out)
{
    uint32_t rank = random_zipf(&corpus->random, 20000);

    (void)buf_printf(out, "%u.%u.%u.%u", 41 + rank % 60, rank / 60 % 250, rank * 7 % 250, rank * 31 % 250);
}

static void request_target(struct corpus *corpus, const char **method, struct buf *out)
{
    uint32_t which = random_below(&corpus->random, 100);

    *method = which < 45 ? "POST" : "GET";
    (void)buf_append_text(out, "/a/");
    tenant(corpus, out);
    if (which < 45) {
        (void)buf_append_text(out, "/receiver/secure/");
        app_id(corpus, out);
        (void)buf_append_byte(out, '/');
    } else if (which < 60) {
        (void)buf_printf(out, "/phone/restore/?version=2.0&since=");
        hex(corpus, 32, out);
    } else if (which < 72) {
        (void)buf_printf(out, "/phone/heartbeat/");
        app_id(corpus, out);
        (void)buf_printf(out, "/?app_id=&cc_version=2.53");
    } else if (which < 84) {
        (void)buf_printf(out, "/api/v0.5/case/?limit=%u&offset=%u", 20 * (1 + random_below(&corpus->random, 5)),
                         100 * random_below(&corpus->random, 900));
    } else if (which < 92) {
        (void)buf_append_text(out, "/apps/download/");
        app_id(corpus, out);
        (void)buf_printf(out, "/modules-%u/forms-%u.xml", random_below(&corpus->random, 20), random_below(&corpus->random, 12));
    } else {
        (void)buf_printf(out, "/reports/async/%s/?page=%u", PICK(corpus, words), random_below(&corpus->random, 40));
    }
}

static unsigned http_status(struct corpus *corpus, const char *method)
{
    uint32_t which = random_below(&corpus->random, 1000);

    if (which < 10)
        return 500;
    if (which < 12)
        return 502;
    if (which < 14)
        return 504;
    if (which < 60)
        return which < 30 ? 401 : which < 50 ? 404 : 302;
    return method[0] == 'P' ? 201 : 200;
}

static unsigned body_size(struct corpus *corpus)
{
    return (unsigned)random_lognormal(&corpus->random, 2200, 1.6);
}

static void write_nginx_timing(struct corpus *corpus, uint32_t file, struct buf *out)
{
    static const char *const cache[] = {"-", "-", "-", "HIT", "MISS"};
    struct buf target = buf_empty(512);
    const char *method;

    (void)file;
    request_target(corpus, &method, &target);
    clf_time(corpus, out);
    (void)buf_printf(out, " %s %s ", PICK(corpus, cache), method);
    (void)buf_append_slice(out, buf_slice(&target));
    (void)buf_printf(out, " HTTP/%s %u %.3f %u %u -", random_below(&corpus->random, 3) ? "1.1" : "2.0",
                     http_status(corpus, method), random_lognormal(&corpus->random, 0.09, 1.2),
                     200 + random_below(&corpus->random, 1200), body_size(corpus));
    buf_release(&target);
}

static void write_nginx_cache(struct corpus *corpus, uint32_t file, struct buf *out)
{
    struct buf target = buf_empty(512);
    const char *method;

    (void)file;
    request_target(corpus, &method, &target);
    address(corpus, out);
    (void)buf_printf(out, ",10.31.4.%u - - - %s - ", 10 + random_below(&corpus->random, 4),
                     random_below(&corpus->random, 4) ? "-" : "HIT");
    clf_time(corpus, out);
    (void)buf_printf(out, " \"%s ", method);
    (void)buf_append_slice(out, buf_slice(&target));
    (void)buf_printf(out, " HTTP/1.1\" %u %u %u \"-\" \"%s\"", http_status(corpus, method),
                     200 + random_below(&corpus->random, 1200), body_size(corpus), PICK(corpus, agents));
    buf_release(&target);
}

static void write_nginx_error(struct corpus *corpus, uint32_t file, struct buf *out)
{
    static const char *const errors[] = {
        "upstream timed out (110: Connection timed out) while reading response header from upstream",
        "connect() failed (111: Connection refused) while connecting to upstream",
        "upstream prematurely closed connection while reading response header from upstream",
        "an upstream response is buffered to a temporary file /opt/nginx/tmp/proxy/7/83/0000123837 while reading upstream",
    };
    struct buf target = buf_empty(512);
    struct tm t = clock_parts(corpus);
    const char *method;

    request_target(corpus, &method, &target);
    (void)buf_printf(out, "%04d/%02d/%02d %02d:%02d:%02d [%s] %u#%u: *%u %s, client: ", t.tm_year + 1900,
                     t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec,
                     random_below(&corpus->random, 3) ? "error" : "warn", 22548 + file, 22548 + file,
                     (unsigned)(corpus->now_us / 1000 % 90000000), PICK(corpus, errors));
    address(corpus, out);
    (void)buf_printf(out, ", server: www.example.org, request: \"%s ", method);
    (void)buf_append_slice(out, buf_slice(&target));
    (void)buf_printf(out, " HTTP/1.1\", upstream: \"http://10.31.4.%u:9010", 20 + random_below(&corpus->random, 6));
    (void)buf_append_slice(out, buf_slice(&target));
    (void)buf_append_text(out, "\", host: \"www.example.org\"");
    buf_release(&target);
}

static void write_gunicorn_access(struct corpus *corpus, uint32_t file, struct buf *out)
{
    struct buf target = buf_empty(512);
    const char *method;

    (void)file;
    request_target(corpus, &method, &target);
    (void)buf_printf(out, "10.31.4.%u - - ", 10 + random_below(&corpus->random, 4));
    clf_time(corpus, out);
    (void)buf_printf(out, " \"%s ", method);
    (void)buf_append_slice(out, buf_slice(&target));
    (void)buf_printf(out, " HTTP/1.1\" %u %u \"-\" \"%s\" %u", http_status(corpus, method), body_size(corpus),
                     PICK(corpus, agents), (unsigned)(random_lognormal(&corpus->random, 0.08, 1.2) * 1e6));
    buf_release(&target);
}

static void write_gunicorn_error(struct corpus *corpus, uint32_t file, struct buf *out)
{
    unsigned pid = 600 + file * 10 + random_below(&corpus->random, 8);
    struct buf target = buf_empty(512);
    const char *method;

    request_target(corpus, &method, &target);
    (void)buf_append_byte(out, '[');
    iso_time(corpus, ' ', out);
    if (random_below(&corpus->random, 200) == 0)
        (void)buf_printf(out, " +0000] [603] [CRITICAL] WORKER TIMEOUT (pid:%u)", pid);
    else
        (void)buf_printf(out, " +0000] [%u] [DEBUG] %s %.*s", pid, method, SLICE_ARG(buf_slice(&target)));
    buf_release(&target);
}

static void traceback(struct corpus *corpus, struct buf *out)
{
    (void)buf_append_text(out, "\nTraceback (most recent call last):");
    for (unsigned depth = 3 + random_below(&corpus->random, 4); depth > 0; depth--)
        (void)buf_printf(out, "\n  File \"/home/cchq/www/code/corehq/apps/%s/views.py\", line %u, in %s\n    return self.%s(request)",
                         PICK(corpus, words), 20 + random_below(&corpus->random, 900), PICK(corpus, words), PICK(corpus, words));
    (void)buf_printf(out, "\nValueError: could not convert string to float: 'x%u'", random_below(&corpus->random, 100));
}

static void write_django(struct corpus *corpus, uint32_t file, struct buf *out)
{
    static const char *const messages[] = {"Could not load page", "Slow request", "Retrying connection to", "Saved form"};
    bool error = random_below(&corpus->random, 25) == 0;

    (void)file;
    (void)buf_printf(out, "%s ", error ? "ERROR" : random_below(&corpus->random, 6) ? "INFO" : "WARNING");
    iso_time_ms(corpus, ' ', ',', out);
    (void)buf_printf(out, " %s %u 1401877%05u ", PICK(corpus, loggers), 3000 + random_below(&corpus->random, 40), random_below(&corpus->random, 16) * 256);
    if (error) {
        (void)buf_append_text(out, "Internal Server Error: /a/");
        tenant(corpus, out);
        (void)buf_append_text(out, "/cloudcare/apps/v2/");
        traceback(corpus, out);
    } else {
        (void)buf_printf(out, "%s for ", PICK(corpus, messages));
        tenant(corpus, out);
        (void)buf_printf(out, " in %.3fs form ", random_lognormal(&corpus->random, 0.2, 1));
        hex(corpus, 32, out);
    }
}

static void write_commcare_couch(struct corpus *corpus, uint32_t file, struct buf *out)
{
    static const char *const paths[] = {"_design/users/_view/by_name", "_design/domain/_view/domains", "_all_docs", "_changes", "_bulk_docs"};
    unsigned user = random_zipf(&corpus->random, 3000);
    struct buf name = buf_empty(64);

    (void)file;
    tenant(corpus, &name);
    iso_time_ms(corpus, ' ', ',', out);
    (void)buf_printf(out, " [worker%u@%.*s.commcarehq.org:%.*s] /a/%.*s/phone/restore/ - hq__users GET 200 None %s 0:00:00.%06u", user,
                     SLICE_ARG(buf_slice(&name)), SLICE_ARG(buf_slice(&name)), SLICE_ARG(buf_slice(&name)), PICK(corpus, paths),
                     (unsigned)(random_lognormal(&corpus->random, 0.006, 1) * 1e6) % 1000000);
    buf_release(&name);
}

static void write_celery(struct corpus *corpus, uint32_t file, struct buf *out)
{
    bool finish = corpus->task_count == OPEN_TASK_COUNT || (corpus->task_count > 0 && random_below(&corpus->random, 2));
    struct corpus_task *task;

    (void)file;
    (void)buf_append_byte(out, '[');
    iso_time_ms(corpus, ' ', ',', out);
    if (!finish) {
        task = &corpus->tasks[corpus->task_count++];
        task->name = PICK(corpus, tasks);
        uuid_text(corpus, task->id);
        (void)buf_printf(out, ": INFO/MainProcess] Task %s[%s] received", task->name, task->id);
        return;
    }
    task = &corpus->tasks[random_below(&corpus->random, corpus->task_count)];
    if (random_below(&corpus->random, 100) == 0) {
        (void)buf_printf(out, ": ERROR/ForkPoolWorker-%u] Task %s[%s] raised unexpected: ValueError('x')", 1 + random_below(&corpus->random, 8), task->name, task->id);
        traceback(corpus, out);
    } else {
        (void)buf_printf(out, ": INFO/ForkPoolWorker-%u] Task %s[%s] succeeded in %.9fs: None", 1 + random_below(&corpus->random, 8), task->name,
                         task->id, random_lognormal(&corpus->random, 0.4, 1.4));
    }
    *task = corpus->tasks[--corpus->task_count];
}

static void write_postgres(struct corpus *corpus, uint32_t file, struct buf *out)
{
    unsigned pid = 5000 + random_below(&corpus->random, 60);

    (void)file;
    iso_time_ms(corpus, ' ', '.', out);
    if (random_below(&corpus->random, 60) == 0) {
        (void)buf_printf(out, " UTC [%u] LOG:  checkpoint complete: wrote %u buffers (%.1f%%); 0 WAL file(s) added, 0 removed, %u recycled; write=%.3f s, sync=%.3f s, total=%.3f s",
                         pid, random_below(&corpus->random, 16000), random_unit(&corpus->random) * 100, random_below(&corpus->random, 20),
                         random_unit(&corpus->random) * 200, random_unit(&corpus->random), random_unit(&corpus->random) * 210);
        return;
    }
    (void)buf_printf(out, " UTC [%u] commcare@hq LOG:  duration: %.3f ms  statement: SELECT * FROM %s WHERE domain = '", pid,
                     random_lognormal(&corpus->random, 420, 0.7), PICK(corpus, tables));
    tenant(corpus, out);
    (void)buf_append_text(out, "' AND form_id = '");
    hex(corpus, 32, out);
    (void)buf_printf(out, "' ORDER BY received_on LIMIT %u", 10 + 10 * random_below(&corpus->random, 10));
}

static void write_postgres_csv(struct corpus *corpus, uint32_t file, struct buf *out)
{
    unsigned pid = 6000 + random_below(&corpus->random, 60);

    (void)file;
    iso_time_ms(corpus, ' ', '.', out);
    (void)buf_printf(out, " UTC,\"commcare\",\"hq\",%u,\"10.31.4.%u:%u\",67b2c1de.%x,%llu,\"SELECT\",2026-03-02 00:02:40 UTC,%u/%u,0,LOG,00000,\"duration: %.3f ms  statement: SELECT id FROM %s WHERE domain = '",
                     pid, 20 + random_below(&corpus->random, 6), 40000 + random_below(&corpus->random, 20000), pid,
                     (unsigned long long)++corpus->csv_line, random_below(&corpus->random, 90), random_below(&corpus->random, 90000),
                     random_lognormal(&corpus->random, 420, 0.7), PICK(corpus, tables));
    tenant(corpus, out);
    (void)buf_append_text(out, "' AND case_id = '");
    hex(corpus, 32, out);
    (void)buf_append_text(out, "'\",,,,,,,,,\"gunicorn\",\"client backend\",,0");
}

static void write_elastic_slow(struct corpus *corpus, uint32_t file, struct buf *out)
{
    unsigned took = (unsigned)random_lognormal(&corpus->random, 900, 0.8);

    (void)buf_append_byte(out, '[');
    iso_time_ms(corpus, 'T', ',', out);
    (void)buf_printf(out, "][WARN ][i.s.s.query              ] [data%u] [%s][%u] took[%ums], took_millis[%u], total_hits[%u hits], types[], stats[], search_type[QUERY_THEN_FETCH], total_shards[6], source[{\"size\":%u,\"query\":{\"bool\":{\"filter\":[{\"term\":{\"domain\":{\"value\":\"",
                     file % 4 + 1, PICK(corpus, indexes), random_below(&corpus->random, 6), took, took, random_below(&corpus->random, 10000), 10 * random_below(&corpus->random, 10));
    tenant(corpus, out);
    (void)buf_append_text(out, "\"}}}]}}}], id[], ");
}

static void write_elastic(struct corpus *corpus, uint32_t file, struct buf *out)
{
    unsigned seq = (unsigned)(corpus->now_us / 1000000 % 100000);

    (void)buf_append_byte(out, '[');
    iso_time_ms(corpus, 'T', ',', out);
    if (random_below(&corpus->random, 2))
        (void)buf_printf(out, "][INFO ][o.e.m.j.JvmGcMonitorService] [data%u] [gc][%u] overhead, spent [%ums] collecting in the last [1s]", file % 4 + 1, seq, 250 + random_below(&corpus->random, 400));
    else
        (void)buf_printf(out, "][WARN ][o.e.c.r.a.DiskThresholdMonitor] [data%u] low disk watermark [85%%] exceeded on [nodeid%u][data%u][/opt/data/nodes/0] free: %.1fgb[%.1f%%], replicas will not be assigned to this node",
                         file % 4 + 1, file, file % 4 + 1, random_unit(&corpus->random) * 100, random_unit(&corpus->random) * 15);
}

static void write_couchdb(struct corpus *corpus, uint32_t file, struct buf *out)
{
    static const char *const databases[] = {"commcarehq", "commcarehq__users", "commcarehq__apps", "commcarehq__domains", "commcarehq__meta"};
    static const char *const methods[] = {"GET", "GET", "GET", "POST", "PUT", "HEAD"};

    (void)buf_append_text(out, "[notice] ");
    iso_time(corpus, 'T', out);
    (void)buf_printf(out, ".%06uZ couchdb@10.31.4.%u <0.%u.%u> ", (unsigned)(corpus->now_us % 1000000), 60 + file % 3,
                     random_below(&corpus->random, 30000), random_below(&corpus->random, 60));
    hex(corpus, 10, out);
    (void)buf_printf(out, " couch.internal:15984 10.31.4.%u commcarehq %s /%s/", 20 + random_below(&corpus->random, 6), PICK(corpus, methods), PICK(corpus, databases));
    hex(corpus, 32, out);
    (void)buf_printf(out, " %u ok %u", random_below(&corpus->random, 30) ? 200 : 404, (unsigned)random_lognormal(&corpus->random, 4, 1.1));
}

static void write_redis(struct corpus *corpus, uint32_t file, struct buf *out)
{
    struct tm t = clock_parts(corpus);

    (void)buf_printf(out, "%u:M %02d %s %d %02d:%02d:%02d.%03u * ", 4410 + file, t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec, millis(corpus));
    switch (random_below(&corpus->random, 3)) {
    case 0:
        (void)buf_printf(out, "%u changes in 300 seconds. Saving...", 100 + random_below(&corpus->random, 90000));
        break;
    case 1:
        (void)buf_printf(out, "Background saving started by pid %u", 10000 + random_below(&corpus->random, 50000));
        break;
    default:
        (void)buf_append_text(out, "Background saving terminated with success");
    }
}

static void write_rabbitmq(struct corpus *corpus, uint32_t file, struct buf *out)
{
    (void)file;
    iso_time(corpus, ' ', out);
    (void)buf_printf(out, ".%06u+00:00 [info] <0.%u.0> accepting AMQP connection <0.%u.0> (10.31.4.%u:%u -> 10.31.4.50:5672)", (unsigned)(corpus->now_us % 1000000),
                     random_below(&corpus->random, 30000), random_below(&corpus->random, 30000), 20 + random_below(&corpus->random, 6), 30000 + random_below(&corpus->random, 30000));
}

static void write_formplayer(struct corpus *corpus, uint32_t file, struct buf *out)
{
    static const char *const paths[] = {"navigate_menu", "submit-all", "answer", "new-form", "get_details", "restore"};

    (void)file;
    iso_time_ms(corpus, ' ', '.', out);
    (void)buf_printf(out, " [http-nio-8080-exec-%u] INFO  o.c.f.a.FormController - Request to /%s with bean SessionNavigationBean{domain='", 1 + random_below(&corpus->random, 60), PICK(corpus, paths));
    tenant(corpus, out);
    (void)buf_printf(out, "', username='worker%u', appId='", random_zipf(&corpus->random, 3000));
    app_id(corpus, out);
    (void)buf_printf(out, "', selections=[%u, %u]}", random_below(&corpus->random, 20), random_below(&corpus->random, 20));
}

static void write_kafka(struct corpus *corpus, uint32_t file, struct buf *out)
{
    (void)buf_append_byte(out, '[');
    iso_time_ms(corpus, ' ', ',', out);
    (void)buf_printf(out, "] INFO [GroupCoordinator %u]: Member pillow-%u-", file % 3, random_below(&corpus->random, 40));
    hex(corpus, 32, out);
    (void)buf_printf(out, " in group kafka-pillow-%s has left, removing it from the group (kafka.coordinator.group.GroupCoordinator)", PICK(corpus, words));
}

static void write_haproxy(struct corpus *corpus, uint32_t file, struct buf *out)
{
    struct tm t = clock_parts(corpus);
    unsigned total = (unsigned)random_lognormal(&corpus->random, 6, 1.2);

    (void)buf_printf(out, "%s %2d %02d:%02d:%02d lb%u haproxy[%u]: 10.31.4.%u:%u [%02d/%s/%d:%02d:%02d:%02d.%03u] couch-in couch/couch%u 0/0/0/%u/%u 200 %u - - ---- %u/%u/%u/%u/0 0/0 \"GET /commcarehq/",
                     months[t.tm_mon], t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, file, 800 + file, 20 + random_below(&corpus->random, 6), 30000 + random_below(&corpus->random, 30000),
                     t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec, millis(corpus), 1 + random_below(&corpus->random, 3), total, total + 1, body_size(corpus),
                     random_below(&corpus->random, 60), random_below(&corpus->random, 60), random_below(&corpus->random, 20), random_below(&corpus->random, 10));
    hex(corpus, 32, out);
    (void)buf_append_text(out, " HTTP/1.1\"");
}

static void write_syslog(struct corpus *corpus, uint32_t file, struct buf *out)
{
    struct tm t = clock_parts(corpus);

    (void)buf_printf(out, "%s %2d %02d:%02d:%02d host%u ", months[t.tm_mon], t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, file);
    if (random_below(&corpus->random, 3))
        (void)buf_printf(out, "CRON[%u]: (root) CMD (/usr/local/bin/check_%s.sh)", 1000 + random_below(&corpus->random, 60000), PICK(corpus, words));
    else
        (void)buf_printf(out, "sshd[%u]: Accepted publickey for ansible from 10.31.4.%u port %u ssh2: ED25519 SHA256:Zm9vYmFy", 1000 + random_below(&corpus->random, 60000),
                         2 + random_below(&corpus->random, 3), 30000 + random_below(&corpus->random, 30000));
}

/* Weights are of 1,000; the shape follows the volumes of USERS: two lines per request at the
 * proxy, then couch, application and database logs. */
const struct corpus_kind corpus_kinds[] = {
    {"us-timing.log", "proxy", "nginx_timing", 150, 2, write_nginx_timing},
    {"us_commcare-nginx_access.log", "proxy", "nginx_rt_cache", 150, 2, write_nginx_cache},
    {"us_commcare-nginx_error.log", "proxy", "nginx_error", 8, 2, write_nginx_error},
    {"gunicorn-access.log", "web", "gunicorn_access", 110, 8, write_gunicorn_access},
    {"commcare-hq.gunicorn.log", "web", "gunicorn_error", 70, 8, write_gunicorn_error},
    {"commcarehq.django.log", "web", "django", 50, 20, write_django},
    {"commcarehq.couch.log", "web", "commcare_couch", 90, 12, write_commcare_couch},
    {"celery_main_queue.log", "task", "celery", 90, 36, write_celery},
    {"postgresql-15-main.log", "postgres", "postgres_stderr", 40, 4, write_postgres},
    {"postgresql.csv", "postgres", "postgres_csv", 30, 4, write_postgres_csv},
    {"hq_index_search_slowlog.log", "elastic", "elastic_slow", 20, 6, write_elastic_slow},
    {"hq.log", "elastic", "elastic_plain", 12, 6, write_elastic},
    {"couchdb.log", "couch", "couchdb", 90, 3, write_couchdb},
    {"redis.log", "redis", "redis", 8, 1, write_redis},
    {"rabbitmq.log", "rabbitmq", "rabbitmq", 6, 1, write_rabbitmq},
    {"formplayer-spring.log", "form", "java", 36, 10, write_formplayer},
    {"server.log", "kafka", "kafka", 10, 3, write_kafka},
    {"haproxy.log", "lb", "haproxy", 20, 2, write_haproxy},
    {"syslog", "os", "syslog", 10, 24, write_syslog},
};
const unsigned corpus_kind_count = COUNT_OF(corpus_kinds);
