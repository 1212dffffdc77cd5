/* query/api/answer.c -- head and end record as JSON members. */
#include "query/api/answer.h"

bool answer_ask_geos(struct answer *answer, struct slice list)
{
    struct slice rest = list, name;

    answer->own_asked = slice_trim(list).len == 0;
    while (rest.len > 0) {
        if (!slice_cut(&rest, ',', &name)) {
            name = rest;
            rest = slice_from(rest, rest.len);
        }
        name = slice_trim(name);
        if (name.len == 0)
            continue;
        if (slice_equal(name, answer->geo)) {
            answer->own_asked = true;
            continue;
        }
        if (answer->missing_count == ANSWER_GEOS_MAX)
            return false;
        answer->missing[answer->missing_count++] = name;
    }
    return true;
}

void answer_write_head(struct answer *answer, struct json_writer *json,
                       const struct query_head *head)
{
    jsonw_key(json, "id");
    jsonw_string(json, answer->id);
    jsonw_key(json, "start");
    jsonw_time(json, head->start_ns);
    jsonw_key(json, "end");
    jsonw_time(json, head->end_ns);
    jsonw_key(json, "geos_asked");
    jsonw_array(json);
    if (answer->own_asked)
        jsonw_text(json, answer->geo);
    for (size_t i = 0; i < answer->missing_count; i++)
        jsonw_text(json, answer->missing[i]);
    jsonw_end_array(json);
    jsonw_key(json, "columns");
    jsonw_array(json);
    for (uint32_t i = 0; i < head->column_count; i++) {
        jsonw_object(json);
        jsonw_key(json, "name");
        jsonw_text(json, head->columns[i].name);
        jsonw_key(json, "type");
        jsonw_string(json, value_type_name(head->columns[i].type));
        jsonw_end_object(json);
    }
    jsonw_end_array(json);
    jsonw_key(json, "open");
    jsonw_bool(json, head->open);
}

/* What the asker cut himself (limit, sample) is no fault of the geo. */
static const char *geo_state(const struct query_end *end)
{
    bool cut = end->truncated != NULL || end->sampled != 0;

    return end->status == STATUS_OK && (end->complete || (cut && end->gap_count == 0)) ? "ok"
                                                                                       : "partial";
}

static void write_geos(const struct answer *answer, struct json_writer *json,
                       const struct query_end *end)
{
    jsonw_object(json);
    if (answer->own_asked) {
        jsonw_key_slice(json, answer->geo);
        jsonw_object(json);
        jsonw_key(json, "state");
        jsonw_string(json, geo_state(end));
        jsonw_key(json, "rows");
        jsonw_u64(json, end->rows);
        jsonw_key(json, "ms");
        jsonw_u64(json, end->elapsed_ns / 1000000);
        jsonw_end_object(json);
    }
    for (size_t i = 0; i < answer->missing_count; i++) {
        jsonw_key_slice(json, answer->missing[i]);
        jsonw_raw(json,
                  SLICE_LITERAL("{\"state\":\"missing\",\"reason\":\"no collector of this geo "
                                "is known here\"}"));
    }
    jsonw_end_object(json);
}

static void write_gaps(struct json_writer *json, const struct query_end *end)
{
    uint64_t shown = end->gap_count < QUERY_GAPS_MAX ? end->gap_count : QUERY_GAPS_MAX;

    jsonw_array(json);
    for (uint64_t i = 0; i < shown; i++) {
        const struct query_gap *gap = &end->gaps[i];

        jsonw_object(json);
        jsonw_key(json, "geo");
        jsonw_text(json, gap->geo);
        jsonw_key(json, "host");
        jsonw_text(json, gap->host);
        jsonw_key(json, "role");
        jsonw_text(json, gap->role);
        jsonw_key(json, "source");
        jsonw_text(json, gap->source);
        jsonw_key(json, "from");
        jsonw_u64(json, gap->from_offset);
        jsonw_key(json, "to");
        jsonw_u64(json, gap->to_offset);
        jsonw_key(json, "time");
        jsonw_time(json, gap->time_ns);
        jsonw_key(json, "reason");
        jsonw_text(json, gap->reason);
        jsonw_end_object(json);
    }
    jsonw_end_array(json);
}

static void write_numbers(struct json_writer *json, const struct query_end *end)
{
    const struct json_number numbers[] = {
        {"rows", end->rows},
        {"rows_matched", end->rows_matched},
        {"rows_scanned", end->rows_scanned},
        {"rows_covered", end->rows_covered},
        {"bytes_read", end->bytes_read},
        {"blocks_read", end->blocks_read},
        {"blocks_skipped", end->blocks_skipped},
        {"memory_peak", end->memory_peak},
        {"regex_over_limit", end->regex_over_limit},
        {"elapsed_ms", end->elapsed_ns / 1000000},
    };

    jsonw_numbers(json, numbers, COUNT_OF(numbers));
}

void answer_write_end(const struct answer *answer, struct json_writer *json,
                      const struct query_end *end)
{
    write_numbers(json, end);
    jsonw_key(json, "complete");
    jsonw_bool(json, end->status == STATUS_OK && end->complete && answer->missing_count == 0);
    jsonw_key(json, "truncated");
    jsonw_string(json, end->truncated);
    jsonw_key(json, "sampled");
    if (end->sampled == 0)
        jsonw_null(json);
    else
        jsonw_u64(json, end->sampled);
    jsonw_key(json, "geos");
    write_geos(answer, json, end);
    jsonw_key(json, "gaps");
    write_gaps(json, end);
    jsonw_key(json, "gap_count");
    jsonw_u64(json, end->gap_count);
    jsonw_key(json, "late"); /* docs/api.md: nobody knows yet which sources are */
    jsonw_array(json);
    jsonw_end_array(json);
    jsonw_key(json, "warnings");
    jsonw_array(json);
    for (uint32_t i = 0; i < end->warning_count; i++)
        jsonw_string(json, end->warnings[i]);
    jsonw_end_array(json);
    if (answer->cursor[0] != '\0') {
        jsonw_key(json, "cursor");
        jsonw_string(json, answer->cursor);
    }
    if (end->status == STATUS_OK)
        return;
    jsonw_key(json, "error");
    jsonw_object(json);
    jsonw_key(json, "code");
    jsonw_string(json, end->code == NULL ? "internal" : end->code);
    jsonw_key(json, "message");
    jsonw_string(json, end->message == NULL ? status_name(end->status) : end->message);
    jsonw_end_object(json);
}

void answer_write_progress(struct json_writer *json, const struct query_progress *progress)
{
    jsonw_key(json, "rows");
    jsonw_u64(json, progress->rows);
    jsonw_key(json, "rows_scanned");
    jsonw_u64(json, progress->rows_scanned);
    jsonw_key(json, "bytes_read");
    jsonw_u64(json, progress->bytes_read);
    jsonw_key(json, "elapsed_ms");
    jsonw_u64(json, progress->elapsed_ns / 1000000);
}
