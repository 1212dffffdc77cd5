/* query/cli/status_tables.c -- JSON objects to sorted rows, rows to a chunk of columns, which the
 * table prints with units. */
#include "query/cli/status_tables.h"

#include "base/units.h"
#include "query/cli/table.h"
#include "query/cli/terminal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Offsets of samples count nanoseconds of a clock, not bytes: no file is as large. */
#define BYTES_MAX 1e15

struct status_row {
    const char *geo, *host, *role, *source; /* borrowed of the answer */
    double lag, stored, age_s;              /* NAN: not known */
    size_t file_count;
    const json_t *object; /* of a shipper */
};

struct status_rows {
    struct status_row *items;
    size_t count;
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

/* ---- rows ---- */

static bool rows_new(const json_t *list, struct status_rows *out)
{
    *out = (struct status_rows){.items = calloc(json_array_size(list) + 1, sizeof(*out->items))};
    return out->items != NULL;
}

/* How long ago the time in member `name` was. */
static double age_of(const struct status_view *view, const json_t *object, const char *name)
{
    struct slice text = slice_of(text_of(object, name));
    struct instant instant;
    struct error err = {0};

    if (text.len == 0 || instant_parse(text, NULL, view->now_ns, &instant, &err) != STATUS_OK)
        return NAN;
    return instant.from_ns > view->now_ns ? 0 : (double)(view->now_ns - instant.from_ns) / 1e9;
}

static double lag_of(const struct status_view *view, const char *host)
{
    const json_t *lag = json_object_get(view->lags, host);

    return json_is_number(lag) ? json_number_value(lag) : NAN;
}

static int compare_numbers(double a, double b)
{
    return (a > b) - (a < b);
}

static int compare_names(const struct status_row *a, const struct status_row *b)
{
    int order = strcmp(a->host, b->host);

    if (order == 0)
        order = strcmp(a->role, b->role);
    if (order == 0)
        order = strcmp(a->source, b->source);
    return order != 0 ? order : strcmp(a->geo, b->geo);
}

static int by_name(const void *a, const void *b)
{
    return compare_names(a, b);
}

/* The furthest behind first; those of whom nothing is known come with those who lag by nothing. */
static int by_lag(const void *x, const void *y)
{
    const struct status_row *a = x, *b = y;
    int order = compare_numbers(isnan(b->lag) ? 0 : b->lag, isnan(a->lag) ? 0 : a->lag);

    return order != 0 ? order : compare_names(a, b);
}

/* ---- tables ---- */

struct status_column {
    const char *name, *type;
    json_t *(*value)(const struct status_row *row); /* a new reference */
};

static json_t *number_or_null(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static json_t *make_chunk(const struct status_column *columns, size_t column_count,
                          const struct status_rows *rows)
{
    json_t *chunk = json_object();

    for (size_t i = 0; i < column_count; i++) {
        json_t *values = json_array();

        for (size_t row = 0; row < rows->count; row++)
            (void)json_array_append_new(values, columns[i].value(&rows->items[row]));
        (void)json_object_set_new(chunk, columns[i].name, values);
    }
    return chunk;
}

/* `names` is the list of {"name","type"} that the head of an answer has. */
static bool put_table(struct sink *sink, const char *title, json_t *names, json_t *chunk,
                      size_t row_count)
{
    struct table *table = calloc(1, sizeof(*table));
    json_t *head = json_pack("{s:O}", "columns", names);
    const struct columns all = {row_count, chunk};
    bool more = table != NULL && head != NULL && sink_put(sink, SLICE_LITERAL("\n")) &&
                sink_put(sink, slice_of(title)) && sink_put(sink, SLICE_LITERAL("\n"));

    if (more) {
        table_init(table, sink, terminal_width(1));
        table_head(table, head);
        more = table_add(table, &all) && table_finish(table);
        table_release(table);
    }
    json_decref(head);
    free(table);
    return more;
}

static bool put_rows(struct sink *sink, const char *title, const struct status_column *columns,
                     size_t column_count, const struct status_rows *rows)
{
    json_t *names = json_array(), *chunk = make_chunk(columns, column_count, rows);
    bool more;

    for (size_t i = 0; i < column_count; i++)
        (void)json_array_append_new(
            names, json_pack("{s:s, s:s}", "name", columns[i].name, "type", columns[i].type));
    more = put_table(sink, title, names, chunk, rows->count);
    json_decref(names);
    json_decref(chunk);
    return more;
}

static json_t *value_geo(const struct status_row *row)
{
    return json_string(row->geo);
}

static json_t *value_host(const struct status_row *row)
{
    return json_string(row->host);
}

static json_t *value_role(const struct status_row *row)
{
    return json_string(row->role);
}

static json_t *value_source(const struct status_row *row)
{
    return json_string(row->source);
}

static json_t *value_lag(const struct status_row *row)
{
    return number_or_null(row->lag);
}

static json_t *value_stored(const struct status_row *row)
{
    return number_or_null(row->stored);
}

/* Whole seconds: a millisecond means nothing here. */
static json_t *value_age(const struct status_row *row)
{
    return number_or_null(floor(row->age_s));
}

static json_t *value_files(const struct status_row *row)
{
    return json_integer((json_int_t)row->file_count);
}

/* ---- shippers ---- */

static json_t *value_state(const struct status_row *row)
{
    return json_string(json_is_true(json_object_get(row->object, "connected")) ? "connected"
                                                                               : "GONE");
}

static json_t *value_version(const struct status_row *row)
{
    return json_string(text_of(row->object, "version"));
}

static const struct status_column shipper_columns[] = {
    {"shipper", "text", value_host},       {"geo", "text", value_geo},
    {"state", "text", value_state},        {"lag", "bytes", value_lag},
    {"last seen", "duration", value_age},  {"received", "bytes", value_stored},
    {"version", "text", value_version},
};

bool status_put_shippers(struct sink *sink, const struct status_view *view)
{
    const json_t *list = json_object_get(view->status, "shippers"), *object;
    struct status_rows rows;
    char title[60];
    size_t at;
    bool more;

    if (json_array_size(list) == 0)
        return true;
    if (!rows_new(list, &rows))
        return false;
    json_array_foreach(list, at, object)
    {
        const char *host = text_of(object, "host");
        double lag = lag_of(view, host);
        const json_t *backlog = json_object_get(object, "backlog_bytes_at_connect");

        rows.items[rows.count++] = (struct status_row){
            .geo = text_of(object, "geo"),
            .host = host,
            .role = "",
            .source = text_of(object, "id"),
            .lag = isnan(lag) && json_is_number(backlog) ? json_number_value(backlog) : lag,
            .stored = json_number_value(json_object_get(object, "received_bytes")),
            .age_s = age_of(view, object, "last_seen"),
            .object = object};
    }
    qsort(rows.items, rows.count, sizeof(rows.items[0]), by_lag);
    (void)snprintf(title, sizeof(title), "shippers (%zu)", rows.count);
    more = put_rows(sink, title, shipper_columns, COUNT_OF(shipper_columns), &rows);
    free(rows.items);
    return more;
}

/* ---- sources ---- */

static const struct status_column source_columns[] = {
    {"host", "text", value_host},         {"role", "text", value_role},
    {"geo", "text", value_geo},           {"stored", "bytes", value_stored},
    {"files", "int", value_files},        {"last seen", "duration", value_age},
    {"source", "text", value_source},
};

/* When lines of a source last came, by "host\nrole\nsource"; since the collector's start. */
static json_t *seen_by_source(const struct status_view *view)
{
    const json_t *list = json_object_get(view->status, "live_sources"), *object;
    json_t *seen = json_object();
    struct buf key = buf_empty(1 << 20);
    size_t at;

    json_array_foreach(list, at, object)
    {
        double age_s = age_of(view, object, "received");
        const json_t *known;

        buf_reset(&key);
        buf_printf(&key, "%s\n%s\n%s", text_of(object, "host"), text_of(object, "role"),
                   text_of(object, "source"));
        buf_append_byte(&key, '\0');
        known = key.failed ? NULL : json_object_get(seen, key.data);
        if (!key.failed && !isnan(age_s) && (known == NULL || json_real_value(known) > age_s))
            (void)json_object_set_new(seen, key.data, json_real(age_s));
    }
    buf_release(&key);
    return seen;
}

static double seen_of(const json_t *seen, const struct status_row *row)
{
    struct buf key = buf_empty(1 << 20);
    const json_t *age;
    double age_s;

    buf_printf(&key, "%s\n%s\n%s", row->host, row->role, row->source);
    buf_append_byte(&key, '\0');
    age = key.failed ? NULL : json_object_get(seen, key.data);
    age_s = age == NULL ? NAN : json_real_value(age);
    buf_release(&key);
    return age_s;
}

/* Rotation makes a source of each file: rows of one name become one, with the sum of bytes. */
static void merge_names(struct status_rows *rows)
{
    size_t kept = 0;

    qsort(rows->items, rows->count, sizeof(rows->items[0]), by_name);
    for (size_t i = 0; i < rows->count; i++) {
        struct status_row *last = kept > 0 ? &rows->items[kept - 1] : NULL;
        const struct status_row *row = &rows->items[i];

        if (last == NULL || compare_names(last, row) != 0) {
            rows->items[kept++] = *row;
            continue;
        }
        last->file_count += row->file_count;
        if (isnan(last->stored))
            last->stored = row->stored;
        else if (!isnan(row->stored))
            last->stored += row->stored;
    }
    rows->count = kept;
}

static void read_sources(const struct status_view *view, const json_t *list,
                         struct status_rows *rows)
{
    json_t *seen = seen_by_source(view);
    const json_t *object;
    size_t at;

    json_array_foreach(list, at, object)
    {
        const json_t *offset = json_object_get(object, "durable_offset");
        double stored = json_number_value(offset);

        rows->items[rows->count++] = (struct status_row){
            .geo = text_of(object, "geo"),
            .host = text_of(object, "host"),
            .role = text_of(object, "role"),
            .source = text_of(object, "source"),
            .lag = lag_of(view, text_of(object, "host")),
            .stored = json_is_number(offset) && stored < BYTES_MAX ? stored : NAN,
            .file_count = 1};
    }
    merge_names(rows);
    for (size_t i = 0; i < rows->count; i++)
        rows->items[i].age_s = seen_of(seen, &rows->items[i]);
    json_decref(seen);
}

bool status_put_sources(struct sink *sink, const struct status_view *view)
{
    const json_t *list = json_object_get(view->status, "sources");
    json_int_t count = json_integer_value(json_object_get(view->status, "source_count"));
    size_t shown = json_array_size(list);
    struct status_rows rows;
    char title[100];
    bool more;

    if (shown == 0)
        return true;
    if (!rows_new(list, &rows))
        return false;
    read_sources(view, list, &rows);
    qsort(rows.items, rows.count, sizeof(rows.items[0]), by_lag);
    if (count > (json_int_t)shown)
        (void)snprintf(title, sizeof(title), "sources (%zu of the first %zu files; there are %lld)",
                       rows.count, shown, (long long)count);
    else
        (void)snprintf(title, sizeof(title), "sources (%zu)", rows.count);
    more = put_rows(sink, title, source_columns, COUNT_OF(source_columns), &rows);
    free(rows.items);
    return more;
}

/* ---- other lists ---- */

bool status_put_list(struct sink *sink, const char *name, const json_t *list)
{
    json_t *names = json_array(), *chunk = json_object();
    const json_t *object;
    const char *member;
    json_t *value;
    char title[100];
    size_t at;
    bool more;

    json_object_foreach(json_array_get(list, 0), member, value)
    {
        const char *type = json_is_integer(value) && strstr(member, "bytes") != NULL ? "bytes"
                           : json_is_number(value)                                   ? "int"
                                                                                     : "text";

        if (!json_is_object(value) && !json_is_array(value)) {
            (void)json_array_append_new(
                names, json_pack("{s:s, s:s}", "name", member, "type", type));
            (void)json_object_set_new(chunk, member, json_array());
        }
    }
    json_array_foreach(list, at, object) json_object_foreach(chunk, member, value)
        (void)json_array_append(value, json_object_get(object, member) == NULL
                                           ? json_null()
                                           : json_object_get(object, member));
    (void)snprintf(title, sizeof(title), "%.80s (%zu)", name, json_array_size(list));
    more = put_table(sink, title, names, chunk, json_array_size(list));
    json_decref(names);
    json_decref(chunk);
    return more;
}
