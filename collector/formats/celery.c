/* collector/formats/celery.c -- celery worker and beat:
 *   [asctime: LEVEL/process] message
 *   [asctime: LEVEL/process] task_name[task_id]: message
 * Task names and ids are arbitrary text, so they are found by the words around them. */
#include "collector/formats/formats.h"
#include "collector/formats/level_word.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"
#include "collector/formats/trace.h"

enum { PLAIN_LEN_MAX = 32 }; /* of a number that is surely finite */

static bool starts(struct slice line)
{
    return stamp_shaped(line, "[0000-00-00 00:00:00,000: ");
}

/* The banner and what its lines look like; none has a time. */
static bool is_banner(struct slice line)
{
    struct slice trimmed = slice_trim(line);

    return trimmed.len == 0 || starts_with(trimmed, "-----") || starts_with(trimmed, "--- *") ||
           starts_with(trimmed, "-- *") || starts_with(trimmed, "- **") ||
           starts_with(trimmed, "[config]") || starts_with(trimmed, "[queues]") ||
           starts_with(trimmed, "[tasks]") || starts_with(trimmed, ".> ") ||
           starts_with(trimmed, ". ") || starts_with(trimmed, "LocalTime -> ") ||
           starts_with(trimmed, "Configuration ->") || starts_with(trimmed, "__    -") ||
           starts_with(trimmed, "*** ---");
}

static enum line_kind line_kind(const struct format_context *context, struct slice open,
                                struct slice line)
{
    (void)context;
    if (starts(line))
        return LINE_STARTS;
    if (is_banner(slice_first(open, open.len == 0 ? 0 : find_byte(open, '\n')))) {
        if (is_banner(line))
            return open.len > 0 ? LINE_CONTINUES : LINE_STARTS;
        return LINE_UNKNOWN;
    }
    if (trace_continues_python(open, line))
        return LINE_CONTINUES;
    return is_banner(line) ? LINE_STARTS : LINE_UNKNOWN;
}

/* `name[id]` in front of `rest`, followed by `then`. Names hold no `[`. */
static bool take_task(struct slice *rest, struct slice then, struct slice *name, struct slice *id)
{
    struct slice at = *rest;

    if (!cut(&at, '[', name) || name->len == 0)
        return false;
    for (size_t end = find_byte(at, ']'); end != SIZE_MAX;) {
        size_t next;

        if (slice_starts(slice_from(at, end + 1), then)) {
            *id = slice_first(at, end);
            *rest = slice_from(at, end + 1 + then.len);
            return id->len > 0;
        }
        next = find_byte(slice_from(at, end + 1), ']');
        end = next == SIZE_MAX ? SIZE_MAX : end + 1 + next;
    }
    return false;
}

static void add_task(struct slice event, struct slice name, struct slice id,
                     struct parsed_event *out)
{
    if (slice_is(name, "???"))
        return;
    add_text(out, FIELD_ID_TASK, event, name);
    add_text(out, FIELD_ID_TASK_ID, event, id);
}

/* `succeeded in 0.3184s: None`; the number may have an exponent. */
static void add_runtime(struct slice event, struct slice rest, struct parsed_event *out)
{
    struct slice text;
    double seconds;
    bool fraction;

    if (!take_literal(&rest, "succeeded in ") || !cut(&rest, 's', &text))
        return;
    if ((text.len <= PLAIN_LEN_MAX && is_number(text, &fraction)) ||
        slice_to_double(text, &seconds))
        parsed_span(out, FIELD_ID_DURATION, FIELD_DURATION, UNIT_SECONDS, event, text);
}

/* Messages of the worker that name a task, by the words around `name[id]`. */
static const struct task_message {
    struct slice before; /* the message starts with it */
    struct slice skip;   /* then all up to and with this */
    struct slice after;
} task_messages[] = {
    {SLICE_INIT("Task "), SLICE_INIT(""), SLICE_INIT(" ")},
    {SLICE_INIT("Received task: "), SLICE_INIT(""), SLICE_INIT("")},
    {SLICE_INIT("Got task from broker: "), SLICE_INIT(""), SLICE_INIT("")},
    {SLICE_INIT("Discarding revoked task: "), SLICE_INIT(""), SLICE_INIT("")},
    {SLICE_INIT("Soft time limit ("), SLICE_INIT(") exceeded for "), SLICE_INIT("")},
    {SLICE_INIT("Hard time limit ("), SLICE_INIT(") exceeded for "), SLICE_INIT("")},
};

static bool add_worker_task(struct slice event, struct slice message, struct parsed_event *out)
{
    for (size_t i = 0; i < COUNT_OF(task_messages); i++) {
        const struct task_message *known = &task_messages[i];
        struct slice rest = message;
        struct slice name;
        struct slice id;
        size_t skip;

        if (!take_prefix(&rest, known->before))
            continue;
        skip = slice_find(rest, known->skip);
        if (skip == SIZE_MAX)
            return false;
        rest = slice_from(rest, skip + known->skip.len);
        if (!take_task(&rest, known->after, &name, &id))
            return false;
        add_task(event, name, id, out);
        add_runtime(event, rest, out);
        return true;
    }
    return false;
}

/* beat: `Scheduler: Sending due task entry (task)`: the last parentheses hold the task. */
static bool add_beat_task(struct slice event, struct slice message, struct parsed_event *out)
{
    size_t open;

    if (!take_literal(&message, "Scheduler: Sending due task "))
        return false;
    open = slice_find_last_byte(message, '(');
    if (open != SIZE_MAX && ends_with(message, ")"))
        add_text(out, FIELD_ID_TASK, event, slice_sub(message, open + 1, message.len - open - 2));
    return true;
}

static void add_message(struct slice event, struct slice message, struct parsed_event *out)
{
    struct slice rest = message;
    struct slice name;
    struct slice id;

    if (add_worker_task(event, message, out) || add_beat_task(event, message, out))
        return;
    if (take_literal(&rest, "Terminating ")) {
        if (take_word(&rest, &id))
            add_text(out, FIELD_ID_TASK_ID, event, id);
        return;
    }
    /* A task logger: `name[id]: message`, the name one word. */
    if (take_task(&rest, SLICE_LITERAL(": "), &name, &id) &&
        find_byte(name, ' ') == SIZE_MAX && find_byte(id, ' ') == SIZE_MAX)
        add_task(event, name, id, out);
}

/* `celery_<queue>_<n>.log` in some folder; also `.error.log` and rotated names. */
static struct slice queue_of_path(struct slice path)
{
    size_t slash = slice_find_last_byte(path, '/');
    struct slice name = slash == SIZE_MAX ? path : slice_from(path, slash + 1);
    size_t end = find_literal(name, ".log");
    size_t underscore;

    if (!take_literal(&name, "celery_") || end == SIZE_MAX)
        return slice_first(path, 0);
    name = slice_first(name, end - (sizeof("celery_") - 1));
    if (ends_with(name, ".error"))
        name.len -= sizeof(".error") - 1;
    underscore = slice_find_last_byte(name, '_');
    if (underscore != SIZE_MAX && underscore + 1 < name.len &&
        count_digits(slice_from(name, underscore + 1)) == name.len - underscore - 1)
        name.len = underscore;
    return slice_is(name, "flower") ? slice_first(path, 0) : name;
}

/* The queue of a source, which all of its events have. */
static enum status compile(const struct format_settings *settings, struct arena *arena,
                           const void **out, struct error *err)
{
    struct slice *queue = arena_new(arena, struct slice, 1);

    if (queue == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the name of a queue");
    *queue = queue_of_path(settings->path);
    *out = queue;
    return STATUS_OK;
}

static void add_queue(const struct format_context *context, struct parsed_event *out)
{
    const struct slice *queue = context->compiled;

    parsed_text(out, FIELD_ID_QUEUE, FIELD_TEXT,
                queue != NULL ? *queue : queue_of_path(context->settings->path));
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct slice rest = event;
    struct slice word;
    struct slice type;
    struct slice message;

    if (!starts(event)) {
        if (!is_banner(first_line(event, NULL)))
            return STATUS_INVALID;
        add_queue(context, out);
        return STATUS_OK;
    }
    rest = slice_from(rest, 1);
    if (!stamp_take_local(context, &rest, &out->time_ns) || !take_literal(&rest, ": ") ||
        !cut(&rest, '/', &word))
        return STATUS_INVALID;
    out->has_time = true;
    out->level = (uint8_t)level_of_word(word);
    if (out->level == LEVEL_COUNT)
        return STATUS_INVALID;
    if (!cut(&rest, ']', &word))
        return STATUS_INVALID;
    add_text(out, FIELD_ID_THREAD, event, word);
    add_queue(context, out);
    (void)take_byte(&rest, ' ');
    message = first_line(rest, NULL);
    add_message(event, message, out);
    if (message.len < rest.len && trace_python_exception(rest, &type))
        add_text(out, FIELD_ID_EXCEPTION, event, type);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    return starts(line) ? 96 : 0;
}

const struct format format_celery = {
    .name = "celery",
    .fields = "task task_id queue duration thread exception",
    .multi_line = true,
    .starts_alone = true,
    .line_kind = line_kind,
    .parse = parse,
    .begins = BEGINS_BRACKET,
    .detect = detect,
    .compile = compile,
};
