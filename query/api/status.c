/* query/api/status.c -- /dendro/v1/status, /fleet and /geos: what is here and how it is. */
#include "base/memory_budget.h"
#include "query/api/api_private.h"
#include "store/page_quarantine.h"
#include "store/store.h"

#include <stdio.h>

enum {
    STATUS_SIZE_MAX = 64 * 1024 * 1024,
    STATUS_SOURCES_MAX = 10000, /* shown; their count is there as well */
};

static void write_node(const struct api *api, struct json_writer *json)
{
    int64_t now_ns = io_wall_ns(io_system());

    jsonw_key(json, "node");
    jsonw_object(json);
    jsonw_key(json, "name");
    jsonw_string(json, api->options.node);
    jsonw_key(json, "geo");
    jsonw_string(json, api->options.geo);
    jsonw_key(json, "version");
    jsonw_string(json, api->options.version);
    jsonw_key(json, "time");
    jsonw_time(json, now_ns);
    jsonw_key(json, "started");
    jsonw_time(json, api->started_ns);
    jsonw_key(json, "uptime_s");
    jsonw_i64(json, (now_ns - api->started_ns) / NS_PER_SECOND);
    jsonw_end_object(json);
}

static void write_time(struct json_writer *json, const char *name, int64_t time_ns)
{
    jsonw_key(json, name);
    if (time_ns == 0)
        jsonw_null(json);
    else
        jsonw_time(json, time_ns);
}

static void write_store(const struct api *api, struct json_writer *json)
{
    struct error err = {0};
    struct page_quarantine_stats pages;
    struct store_stats s;

    store_stats(api->options.store, &s);
    page_quarantine_stats(&pages);
    {
        const struct json_number numbers[] = {
            {"rows", s.rows},
            {"samples", s.samples},
            {"segments", s.segments},
            {"sources", s.sources},
            {"raw_bytes", s.raw_bytes},
            {"segment_bytes", s.segment_bytes},
            {"wal_bytes", s.wal_bytes},
            {"head_raw_bytes", s.head_raw_bytes},
            {"free_bytes", s.free_bytes},
            {"memory_bytes", s.memory_bytes},
            {"append_errors", s.append_errors},
            {"seal_errors", s.seal_errors},
            {"seal_mismatches", s.seal_mismatches},
            {"rows_too_old", s.rows_too_old},
            {"quarantined", s.quarantined},
            {"pages_quarantined", pages.pages},
            {"scrub_bytes", s.scrub.bytes},
            {"scrub_damaged", s.scrub.damaged},
        };

        jsonw_key(json, "store");
        jsonw_object(json);
        jsonw_key(json, "ready");
        jsonw_bool(json, store_ready(api->options.store, &err));
        if (err.message[0] != '\0') {
            jsonw_key(json, "reason");
            jsonw_string(json, err.message);
        }
        jsonw_numbers(json, numbers, COUNT_OF(numbers));
    }
    write_time(json, "oldest", s.time_min_ns);
    write_time(json, "newest", s.time_max_ns);
    write_time(json, "scrub_started", s.scrub.started_ns);
    write_time(json, "scrub_finished", s.scrub.finished_ns);
    jsonw_end_object(json);
}

static void write_memory(struct json_writer *json)
{
    jsonw_key(json, "memory");
    jsonw_object(json);
    jsonw_key(json, "limit");
    jsonw_u64(json, memory_budget_total());
    jsonw_key(json, "used");
    jsonw_u64(json, memory_budget_used());
    jsonw_key(json, "classes");
    jsonw_object(json);
    for (int class = 0; class < MEMORY_CLASS_COUNT; class++) {
        struct memory_class_state state;

        memory_budget_state((enum memory_class)class, &state);
        jsonw_key(json, state.name);
        jsonw_object(json);
        jsonw_key(json, "used");
        jsonw_u64(json, state.used);
        jsonw_key(json, "peak");
        jsonw_u64(json, state.peak);
        jsonw_key(json, "limit");
        jsonw_u64(json, state.limit);
        jsonw_end_object(json);
    }
    jsonw_end_object(json);
    jsonw_end_object(json);
}

static void write_source(struct store *store, const struct event_source *source,
                         struct json_writer *json)
{
    struct watermark mark;

    jsonw_object(json);
    jsonw_key(json, "geo");
    jsonw_text(json, source->geo);
    jsonw_key(json, "host");
    jsonw_text(json, source->host);
    jsonw_key(json, "role");
    jsonw_text(json, source->role);
    jsonw_key(json, "source");
    jsonw_text(json, source->path);
    if (store_watermark(store, &source->id, &mark) == STATUS_OK) {
        jsonw_key(json, "durable_offset");
        jsonw_u64(json, mark.durable_offset);
    }
    jsonw_end_object(json);
}

static void write_sources(struct store *store, struct json_writer *json)
{
    uint32_t count = store_source_count(store);

    jsonw_key(json, "source_count");
    jsonw_u64(json, count);
    jsonw_key(json, "sources");
    jsonw_array(json);
    for (uint32_t i = 0; i < count && i < STATUS_SOURCES_MAX; i++) {
        const struct event_source *source = store_source(store, i);

        if (source != NULL)
            write_source(store, source, json);
    }
    jsonw_end_array(json);
}

static void answer_object(struct http_request *request, struct buf *out)
{
    buf_append_byte(out, '\n');
    if (out->failed)
        http_respond_error(request, 500, "internal", "the status is larger than 64 MiB", NULL);
    else
        http_respond(request, &(struct http_answer){.status = 200,
                                                    .type = "application/json",
                                                    .body = buf_slice(out)});
    buf_release(out);
}

void api_serve_status(void *user, struct http_request *request)
{
    struct api *api = user;
    struct buf out = buf_empty(STATUS_SIZE_MAX);
    struct json_writer json;

    jsonw_begin(&json, &out);
    jsonw_object(&json);
    write_node(api, &json);
    write_store(api, &json);
    write_memory(&json);
    write_sources(api->options.store, &json);
    for (size_t i = 0; i < api->status.count; i++)
        api->status.items[i].call.status(api->status.items[i].user, &json);
    jsonw_end_object(&json);
    answer_object(request, &out);
}

void api_serve_geos(void *user, struct http_request *request)
{
    struct api *api = user;
    struct buf out = buf_empty(STATUS_SIZE_MAX);
    struct store_stats stats;
    struct json_writer json;
    struct error err = {0};

    store_stats(api->options.store, &stats);
    jsonw_begin(&json, &out);
    jsonw_object(&json);
    jsonw_key(&json, "geos");
    jsonw_array(&json);
    jsonw_object(&json);
    jsonw_key(&json, "geo");
    jsonw_string(&json, api->options.geo);
    jsonw_key(&json, "local");
    jsonw_bool(&json, true);
    jsonw_key(&json, "state");
    jsonw_string(&json, store_ready(api->options.store, &err) ? "ok" : "partial");
    jsonw_key(&json, "version");
    jsonw_string(&json, api->options.version);
    write_time(&json, "newest", stats.time_max_ns);
    jsonw_end_object(&json);
    jsonw_end_array(&json);
    jsonw_end_object(&json);
    answer_object(request, &out);
}
