/* collector/formats/supervisor.c -- supervisord's own log:
 *   YYYY-MM-DD HH:MM:SS,mmm LEVL message       LEVL has four letters: CRIT ERRO WARN INFO DEBG TRAC
 * BLAT */
#include "collector/formats/formats.h"
#include "collector/formats/level_word.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

static bool starts(struct slice line)
{
    return stamp_shaped(line, "0000-00-00 00:00:00,000 #### ") && is_upper(line.data[24]) &&
           is_upper(line.data[27]);
}

static enum line_kind line_kind(const struct format_context *context, struct slice open,
                                struct slice line)
{
    (void)context;
    if (starts(line))
        return LINE_STARTS;
    return open.len > 0 && starts_with(line, "\t") ? LINE_CONTINUES : LINE_UNKNOWN;
}

/* What is said of a program: words before its name, which ends at a blank, a quote or a bracket. */
static const struct slice before_name[] = {
    SLICE_INIT("spawned: '"), SLICE_INIT("success: "),  SLICE_INIT("exited: "),
    SLICE_INIT("stopped: "),  SLICE_INIT("gave up: "),  SLICE_INIT("waiting for "),
    SLICE_INIT("killing '"),  SLICE_INIT("spawnerr: "),
};

static void add_program(const struct format_context *context, struct slice event,
                        struct slice message, struct parsed_event *out)
{
    for (size_t i = 0; i < COUNT_OF(before_name); i++) {
        struct slice rest = message;
        size_t len = 0;

        if (!take_prefix(&rest, before_name[i]))
            continue;
        while (len < rest.len && rest.data[len] != ' ' && rest.data[len] != '\'')
            len++;
        add_text(out, context->extra[EXTRA_PROGRAM], event, slice_first(rest, len));
        return;
    }
}

/* The digits or word behind the first `before`. */
static struct slice behind(struct slice message, struct slice before)
{
    size_t at = slice_find(message, before);
    size_t len = 0;

    if (at == SIZE_MAX)
        return slice_first(message, 0);
    message = slice_from(message, at + before.len);
    while (len < message.len && (is_digit(message.data[len]) || is_upper(message.data[len])))
        len++;
    return slice_first(message, len);
}

/* Old releases wrote an unexpected exit at INFO. */
static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct slice rest = event;
    struct slice word;
    enum level level;

    if (!starts(event) || !stamp_take_local(context, &rest, &out->time_ns) ||
        !take_byte(&rest, ' ') || !take_word(&rest, &word))
        return STATUS_INVALID;
    level = level_of_word(word);
    if (level == LEVEL_COUNT)
        return STATUS_INVALID;
    rest = first_line(rest, NULL);
    if (level == LEVEL_INFO && find_literal(rest, "not expected)") != SIZE_MAX)
        level = LEVEL_WARNING;
    out->has_time = true;
    out->level = (uint8_t)level;
    add_program(context, event, rest, out);
    add_int(out, FIELD_ID_PID, event, behind(rest, SLICE_LITERAL(" pid ")));
    add_int(out, context->extra[EXTRA_EXIT_CODE], event,
            behind(rest, SLICE_LITERAL("(exit status ")));
    add_text(out, context->extra[EXTRA_SIGNAL], event,
             behind(rest, SLICE_LITERAL("(terminated by ")));
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    struct slice level = slice_sub(line, 24, 4);

    if (!starts(line))
        return 0;
    /* INFO and WARN are python's words, too. */
    if (slice_is(level, "ERRO") || slice_is(level, "DEBG") || slice_is(level, "TRAC") ||
        slice_is(level, "CRIT"))
        return 90;
    for (size_t i = 0; i < COUNT_OF(before_name); i++)
        if (slice_starts(slice_from(line, 29), before_name[i]))
            return 90;
    return 0;
}

const struct format format_supervisor = {
    .name = "supervisor",
    .fields = "program pid exit_code signal",
    .multi_line = true,
    .starts_alone = true,
    .line_kind = line_kind,
    .parse = parse,
    .begins = BEGINS_DIGIT,
    .detect = detect,
};
