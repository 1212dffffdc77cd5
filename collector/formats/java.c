/* collector/formats/java.c -- log4j, logback, Spring Boot, ZooKeeper, Kafka and formplayer: layouts
 * of one family, told apart by what follows the time: time LEVEL [thread]
 * logger - message                 log4j time [thread] LEVEL logger - message logback time  LEVEL
 * pid --- [thread] logger : message        Spring Boot; 3 has [app] [thread] time [myid:1] - LEVEL
 * [thread:Class@line] - message ZooKeeper [time] LEVEL message (logger) Kafka Traces follow on
 * lines of their own. */
#include "collector/formats/formats.h"
#include "collector/formats/level_word.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"
#include "collector/formats/trace.h"

enum java_layout { LAYOUT_LOG4J, LAYOUT_KAFKA, LAYOUT_ZOOKEEPER };

struct java_line {
    enum java_layout layout;
    int64_t time_ns;
    enum level level;
    struct slice thread, logger, pid;
    struct slice rest; /* message and trace */
};

static bool starts(struct slice line)
{
    size_t bracket = line.len > 0 && line.data[0] == '[' ? 1 : 0;
    struct slice at = slice_from(line, bracket);

    return (stamp_shaped(at, "0000-00-00 00:00:00,00") ||
            stamp_shaped(at, "0000-00-00 00:00:00.00") ||
            stamp_shaped(at, "0000-00-00T00:00:00.00"));
}

static enum line_kind line_kind(const struct format_context *context, struct slice open,
                                struct slice line)
{
    (void)context;
    if (starts(line))
        return LINE_STARTS;
    return trace_continues_java(open, line) ? LINE_CONTINUES : LINE_UNKNOWN;
}

/* A level in capitals, perhaps padded behind. */
static bool take_level(struct slice *rest, enum level *level)
{
    struct slice at = *rest;
    struct slice word;

    if (!take_word(&at, &word) || word.len < 4 || !is_upper(word.data[0]))
        return false;
    *level = level_of_word(word);
    if (*level == LEVEL_COUNT)
        return false;
    skip_blanks(&at);
    *rest = at;
    return true;
}

/* `[text]`, whose text may hold brackets and blanks: up to the bracket that `behind` follows. */
static bool take_thread(struct slice *rest, struct slice behind, struct slice *out)
{
    struct slice at = *rest;
    size_t end;

    if (!take_byte(&at, '['))
        return false;
    end = slice_find(first_line(at, NULL), behind);
    if (end == SIZE_MAX)
        return false;
    *out = slice_first(at, end);
    *rest = slice_from(at, end + behind.len);
    return true;
}

/* `logger - ` or `logger : `, the logger one word, perhaps padded. */
static void take_logger(struct slice *rest, char sign, struct slice *out)
{
    struct slice at = *rest;
    struct slice word;

    if (!take_word(&at, &word))
        return;
    skip_blanks(&at);
    if (!take_byte(&at, sign))
        return;
    (void)take_byte(&at, ' ');
    *out = word;
    *rest = at;
}

/* Behind `LEVEL pid --- `. */
static bool split_spring(struct slice *rest, struct java_line *out)
{
    struct slice at = *rest;
    struct slice pid;

    if (!take_digits(&at, &pid) || !take_literal(&at, " --- "))
        return false;
    out->pid = pid;
    if (!take_thread(&at, SLICE_LITERAL("] "), &out->thread))
        return false;
    skip_blanks(&at);
    if (starts_with(at, "[")) /* Boot 3: that was the application */
        (void)take_thread(&at, SLICE_LITERAL("] "), &out->thread);
    out->thread = slice_trim(out->thread);
    skip_blanks(&at);
    take_logger(&at, ':', &out->logger);
    *rest = at;
    return true;
}

/* `[thread:Class@line] - `: split at the last colon. */
static bool split_zookeeper(struct slice *rest, struct java_line *out)
{
    struct slice at = *rest;
    struct slice thread;
    size_t colon;

    (void)take_thread(&at, SLICE_LITERAL("] - "), &thread); /* [myid:1] */
    if (!take_level(&at, &out->level) || !take_thread(&at, SLICE_LITERAL("] - "), &thread))
        return false;
    colon = slice_find_last_byte(thread, ':');
    out->thread = slice_first(thread, colon);
    if (colon != SIZE_MAX) {
        out->logger = slice_from(thread, colon + 1);
        out->logger = slice_first(out->logger, find_byte(out->logger, '@'));
    }
    *rest = at;
    return true;
}

static bool is_class_name(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_lower(text.data[i]) && !is_upper(text.data[i]) && !is_digit(text.data[i]) &&
            text.data[i] != '.' && text.data[i] != '_' && text.data[i] != '$')
            return false;
    return text.len > 0;
}

/* `message (logger)`: on the last line before the trace; most messages are one line. */
static void split_kafka(struct java_line *out)
{
    struct slice rest = out->rest;

    do {
        struct slice line = first_line(rest, &rest);
        size_t open = slice_find_last_byte(line, '(');
        struct slice name = slice_sub(line, open == SIZE_MAX ? line.len : open + 1, line.len);

        if (ends_with(name, ")"))
            name.len--;
        else
            name.len = 0;
        if (is_class_name(name)) {
            out->logger = name;
            return;
        }
    } while (rest.len > 0 && !starts_with(rest, "\tat "));
}

/* The request log: `totalTime:12.3,`, and as JSON `"totalTimeMs":12.3,`. */
static void add_total_time(struct slice event, struct slice message, struct parsed_event *out)
{
    size_t at = find_literal(message, "totalTime:");
    size_t skip = sizeof("totalTime:") - 1;

    if (!starts_with(message, "Completed request:"))
        return;
    if (at == SIZE_MAX) {
        at = find_literal(message, "\"totalTimeMs\":");
        skip = sizeof("\"totalTimeMs\":") - 1;
    }
    if (at == SIZE_MAX)
        return;
    message = slice_from(message, at + skip);
    add_duration(out, FIELD_ID_DURATION, UNIT_MILLISECONDS, event,
                 slice_first(message, find_byte(message, ',')));
}

static bool split_layout(struct slice rest, bool bracket, struct java_line *out)
{
    struct slice at = rest;

    if (take_level(&at, &out->level)) {
        out->rest = at;
        if (bracket) {
            out->layout = LAYOUT_KAFKA;
            split_kafka(out);
        } else if (split_spring(&at, out)) {
            out->rest = at;
        } else if (take_thread(&at, SLICE_LITERAL("] "), &out->thread)) {
            take_logger(&at, '-', &out->logger);
            out->rest = at;
        }
        return true;
    }
    if (take_thread(&at, SLICE_LITERAL("] "), &out->thread) && take_level(&at, &out->level)) {
        take_logger(&at, '-', &out->logger);
        out->rest = at;
        return true;
    }
    out->thread = slice_first(rest, 0);
    at = rest;
    (void)take_literal(&at, "- ");
    if (!split_zookeeper(&at, out))
        return false;
    out->layout = LAYOUT_ZOOKEEPER;
    out->rest = at;
    return true;
}

/* Two digits of a fraction are hundredths (java.time), as the parser of stamps reads them. */
static bool split(const struct format_context *context, struct slice line, struct java_line *out)
{
    struct slice rest = line;
    bool bracket = take_byte(&rest, '[');
    bool taken;

    *out = (struct java_line){.thread = slice_first(line, 0),
                              .logger = slice_first(line, 0),
                              .pid = slice_first(line, 0)};
    if (line.len > 11 && rest.data[10] == 'T')
        taken = stamp_take(context, stamp_parse_iso, &rest, &out->time_ns);
    else
        taken = stamp_take_local(context, &rest, &out->time_ns);
    if (!taken || (bracket && !take_byte(&rest, ']')) || !take_byte(&rest, ' '))
        return false;
    skip_blanks(&rest);
    return split_layout(rest, bracket, out);
}

/* `Request to /path with bean ...` of formplayer. */
static void add_request(struct slice event, struct slice message, struct parsed_event *out)
{
    struct slice path;

    if (take_literal(&message, "Request to ") && take_word(&message, &path) &&
        starts_with(path, "/")) {
        add_text(out, FIELD_ID_PATH, event, path);
        out->derive_from = DERIVE_TARGET;
    }
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct java_line line;
    struct slice type;

    if (!starts(event) || !split(context, event, &line))
        return STATUS_INVALID;
    out->time_ns = line.time_ns;
    out->has_time = true;
    out->level = (uint8_t)line.level;
    add_text(out, FIELD_ID_THREAD, event, line.thread);
    add_text(out, FIELD_ID_LOGGER, event, line.logger);
    add_int(out, FIELD_ID_PID, event, line.pid);
    add_request(event, line.rest, out);
    if (line.layout == LAYOUT_KAFKA)
        add_total_time(event, first_line(line.rest, NULL), out);
    if (first_line(line.rest, NULL).len < line.rest.len && trace_java_exception(line.rest, &type))
        add_text(out, FIELD_ID_EXCEPTION, event, type);
    return STATUS_OK;
}

/* Python's logging writes `time LEVEL message` too: a thread or a logger must be there. */
static unsigned detect_layout(struct slice line, enum java_layout layout)
{
    static const struct format_settings none;
    static const struct format_context context = {.settings = &none};
    struct java_line head;

    if (!starts(line) || !split(&context, line, &head) || head.layout != layout ||
        head.logger.len == 0)
        return 0;
    return head.thread.len > 0 || layout == LAYOUT_KAFKA ? 85 : 60;
}

static unsigned detect_java(struct slice line)
{
    return detect_layout(line, LAYOUT_LOG4J);
}

static unsigned detect_kafka(struct slice line)
{
    return detect_layout(line, LAYOUT_KAFKA);
}

static unsigned detect_zookeeper(struct slice line)
{
    return detect_layout(line, LAYOUT_ZOOKEEPER);
}

/* A layout of logback: only the name of its file or the configuration tells it from others. */
static unsigned detect_formplayer(struct slice line)
{
    return detect_java(line) > 0 ? 84 : 0;
}

#define JAVA_FUNCTIONS                                                                             \
    .multi_line = true, .starts_alone = true, .line_kind = line_kind, .parse = parse

const struct format format_java = {
    .name = "java",
    JAVA_FUNCTIONS,
    .fields = "logger thread pid exception path url_group",
    .begins = BEGINS_DIGIT | BEGINS_BRACKET,
    .detect = detect_java,
};

const struct format format_kafka = {
    .name = "kafka",
    JAVA_FUNCTIONS,
    .fields = "logger duration exception",
    .begins = BEGINS_DIGIT | BEGINS_BRACKET,
    .detect = detect_kafka,
};

const struct format format_zookeeper = {
    .name = "zookeeper",
    JAVA_FUNCTIONS,
    .fields = "thread logger exception",
    .begins = BEGINS_DIGIT | BEGINS_BRACKET,
    .detect = detect_zookeeper,
};

const struct format format_formplayer = {
    .name = "formplayer",
    JAVA_FUNCTIONS,
    .fields = "logger thread path exception url_group",
    .begins = BEGINS_DIGIT | BEGINS_BRACKET,
    .detect = detect_formplayer,
};
