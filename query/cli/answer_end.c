/* query/cli/answer_end.c -- one sentence per kind of defect. */
#include "query/cli/answer_end.h"

#include "query/cli/command.h"
#include "query/cli/terminal.h"

#include <stdio.h>

enum { GAPS_SHOWN_MAX = 3, LINE_SIZE_MAX = 4096 };

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "?" : text;
}

static long long number_of(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

/* Names come from the server, and there from logs: nothing of them may drive the terminal. */
static void report(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void report(const char *format, ...)
{
    struct buf shown = buf_empty((size_t)LINE_SIZE_MAX * 4);
    char line[LINE_SIZE_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    terminal_escape(&shown, slice_of(line));
    command_say("%.*s", SLICE_ARG(buf_slice(&shown)));
    buf_release(&shown);
}

static void report_gaps(const json_t *end)
{
    const json_t *gaps = json_object_get(end, "gaps"), *gap;
    long long count = number_of(end, "gap_count");
    size_t at;

    if (count == 0)
        count = (long long)json_array_size(gaps);
    json_array_foreach(gaps, at, gap)
    {
        if (at == GAPS_SHOWN_MAX)
            break;
        report("gap: bytes %lld to %lld of %s on %s never arrived (%s)", number_of(gap, "from"),
               number_of(gap, "to"), text_of(gap, "source"), text_of(gap, "host"),
               text_of(gap, "reason"));
    }
    if (count > GAPS_SHOWN_MAX)
        report("gap: and %lld more", count - GAPS_SHOWN_MAX);
}

static void report_geos(const json_t *end)
{
    const char *name;
    json_t *geo;

    json_object_foreach(json_object_get(end, "geos"), name, geo)
    {
        const char *state = text_of(geo, "state");
        const json_t *reason = json_object_get(geo, "reason");

        if (strcmp(state, "ok") != 0 && strcmp(state, "partial") != 0)
            report("geo %s: %s%s%s", name, state, reason == NULL ? "" : ": ",
                   reason == NULL ? "" : text_of(geo, "reason"));
    }
}

static bool has_missing_geo(const json_t *end)
{
    const char *name;
    json_t *geo;

    json_object_foreach(json_object_get(end, "geos"), name, geo)
    {
        const char *state = text_of(geo, "state");

        if (strcmp(state, "ok") != 0 && strcmp(state, "partial") != 0)
            return true;
    }
    return false;
}

/* Nothing is wrong but that the row limit, which was asked for, was reached. */
static bool only_limited(const struct answer_check *check, const json_t *end)
{
    return check->limit_wanted && json_is_string(json_object_get(end, "truncated")) &&
           json_is_null(json_object_get(end, "sampled")) &&
           json_array_size(json_object_get(end, "gaps")) == 0 &&
           json_array_size(json_object_get(end, "warnings")) == 0 && !has_missing_geo(end);
}

void answer_check_end(struct answer_check *check, const json_t *end)
{
    const json_t *error = json_object_get(end, "error"), *warning;
    size_t at;

    check->seen = true;
    json_array_foreach(json_object_get(end, "warnings"), at, warning)
        report("%s", json_string_value(warning) == NULL ? "?" : json_string_value(warning));
    if (error != NULL) {
        check->failed = true;
        report("the answer is not complete: %s", text_of(error, "message"));
        return;
    }
    if (json_is_true(json_object_get(end, "complete")) || only_limited(check, end))
        return;
    check->partial = true;
    if (json_is_string(json_object_get(end, "truncated")) && !check->limit_wanted)
        report("the answer was cut at a limit (%s)", text_of(end, "truncated"));
    if (json_is_integer(json_object_get(end, "sampled")))
        report("the answer is a sample: 1 row in %lld", number_of(end, "sampled"));
    report_gaps(end);
    report_geos(end);
    report("the answer is partial");
}

void answer_check_cut(struct answer_check *check)
{
    if (check->seen)
        return;
    check->failed = true;
    command_say("the answer was cut off: the server closed the connection before its end");
}

int answer_check_exit(const struct answer_check *check)
{
    return check->partial || check->failed ? DENDRO_PARTIAL : DENDRO_FOUND;
}
