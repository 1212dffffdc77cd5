/* collector/formats/celery_events.c -- what `celery events --dump` prints (the forms are
 * those of celery 5.2):
 *   worker [YYYY-MM-DD HH:MM:SS[.ffffff]] task succeeded: name(id) args=.. kwargs=.. key=value, ...
 *   worker [YYYY-MM-DD HH:MM:SS[.ffffff]] heartbeat: key=value, ...
 * Times are UTC. The task is blank if it was received before the dump began. Values are not quoted,
 * and a traceback brings its newlines, so keys are searched behind the arguments. */
#include "collector/formats/formats.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"
#include "collector/formats/trace.h"

enum { WORKER_SIZE_MAX = 256 };

/* What can stand before the colon. Those about the worker have no task. */
static const struct event_kind {
    struct slice words;
    enum level level;
    bool task;
} kinds[] = {
    {SLICE_INIT("task received"), LEVEL_INFO, true},
    {SLICE_INIT("task sent"), LEVEL_INFO, true},
    {SLICE_INIT("task started"), LEVEL_INFO, true},
    {SLICE_INIT("task succeeded"), LEVEL_INFO, true},
    {SLICE_INIT("task failed"), LEVEL_ERROR, true},
    {SLICE_INIT("task retried"), LEVEL_WARNING, true},
    {SLICE_INIT("task revoked"), LEVEL_WARNING, true},
    {SLICE_INIT("task rejected"), LEVEL_WARNING, true},
    {SLICE_INIT("heartbeat"), LEVEL_DEBUG, false},
    {SLICE_INIT("started"), LEVEL_INFO, false},
    {SLICE_INIT("shutdown"), LEVEL_WARNING, false},
};

/* `worker [time] `, the worker one word. */
static bool take_head(struct slice *rest, struct slice *worker, struct slice *stamp)
{
    size_t bracket = find_byte(slice_first(*rest, WORKER_SIZE_MAX), '[');
    struct slice at;

    if (bracket == SIZE_MAX || bracket < 2 || rest->data[bracket - 1] != ' ' ||
        find_byte(slice_first(*rest, bracket - 1), ' ') != SIZE_MAX)
        return false;
    at = slice_from(*rest, bracket + 1);
    if (!stamp_shaped(at, "0000-00-00 00:00:00") || !cut(&at, ']', stamp) ||
        !take_byte(&at, ' '))
        return false;
    *worker = slice_first(*rest, bracket - 1);
    *rest = at;
    return true;
}

static const struct event_kind *take_kind(struct slice *rest)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct slice at = *rest;

        if (!take_prefix(&at, kinds[i].words) || (at.len > 0 && !take_byte(&at, ':')))
            continue;
        (void)take_byte(&at, ' ');
        *rest = at;
        return &kinds[i];
    }
    return NULL;
}

/* `name(id) args=`; the id is in the last parentheses before the arguments. */
static void add_task(struct slice event, struct slice *rest, struct parsed_event *out)
{
    size_t end = find_literal(*rest, ") args=");
    struct slice task = slice_first(*rest, end);
    size_t open = slice_find_last_byte(task, '(');

    if (end == SIZE_MAX || open == SIZE_MAX)
        return;
    add_text(out, FIELD_ID_TASK, event, slice_first(task, open));
    add_text(out, FIELD_ID_TASK_ID, event, slice_from(task, open + 1));
    *rest = slice_from(*rest, end + 2);
}

/* Value of the last `key=`: arguments before it may hold the same text. */
static bool find_value(struct slice rest, struct slice key, struct slice *out)
{
    size_t at = SIZE_MAX;

    for (size_t next = 0;;) {
        size_t found = slice_find(slice_from(rest, next), key);

        if (found == SIZE_MAX)
            break;
        at = next + found;
        next = at + key.len;
    }
    if (at == SIZE_MAX)
        return false;
    *out = slice_from(rest, at + key.len);
    *out = slice_first(*out, find_literal(*out, ", "));
    return true;
}

/* `exception=ValueError('y')`: the type. */
static void add_exception(struct slice event, struct slice rest, struct parsed_event *out)
{
    struct slice type;

    if (trace_python_exception(rest, &type)) {
        add_text(out, FIELD_ID_EXCEPTION, event, type);
        return;
    }
    if (find_value(rest, SLICE_LITERAL(" exception="), &type))
        add_text(out, FIELD_ID_EXCEPTION, event, slice_first(type, find_byte(type, '(')));
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct slice rest = event;
    struct slice worker;
    struct slice stamp;
    struct slice value;
    const struct event_kind *kind;
    struct format_context utc = *context;
    double seconds;

    utc.zone = NULL;
    if (!take_head(&rest, &worker, &stamp) || (kind = take_kind(&rest)) == NULL ||
        !stamp_take(&utc, stamp_parse_iso, &stamp, &out->time_ns))
        return STATUS_INVALID;
    out->has_time = true;
    out->level = (uint8_t)kind->level;
    add_text(out, context->extra[EXTRA_WORKER], event, worker);
    if (!kind->task)
        return STATUS_OK;
    add_task(event, &rest, out);
    if (find_value(first_line(rest, NULL), SLICE_LITERAL(" runtime="), &value) &&
        slice_to_double(value, &seconds))
        parsed_span(out, FIELD_ID_DURATION, FIELD_DURATION, UNIT_SECONDS, event, value);
    if (kind->level <= LEVEL_WARNING)
        add_exception(event, rest, out);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    struct slice rest = line;
    struct slice worker;
    struct slice stamp;

    return take_head(&rest, &worker, &stamp) && take_kind(&rest) != NULL ? 93 : 0;
}

static enum line_kind line_kind(const struct format_context *context, struct slice open,
                                struct slice line)
{
    (void)context;
    if (detect(line) > 0)
        return LINE_STARTS;
    return open.len > 0 && find_literal(open, "traceback=") != SIZE_MAX ? LINE_CONTINUES
                                                                        : LINE_UNKNOWN;
}

const struct format format_celery_events = {
    .name = "celery_events",
    .fields = "task task_id duration worker exception",
    .multi_line = true,
    .line_kind = line_kind,
    .parse = parse,
    .detect = detect,
};
