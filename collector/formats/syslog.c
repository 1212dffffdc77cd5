/* collector/formats/syslog.c -- syslog as files and sockets carry it:
 *   [<PRI>]Mon dd HH:MM:SS [host] tag[pid]: message         RFC 3164
 *   [<PRI>]2026-04-02T09:20:11.204417+00:00 host tag[pid]: message    rsyslog's file form
 *   <PRI>1 TIME HOST APP PROCID MSGID SD [BOM]message       RFC 5424
 * The message is read by the format that its tag names: its time is the sender's and wins over that
 * of the relay. */
#include "collector/formats/syslog.h"

#include "collector/formats/formats.h"
#include "collector/formats/level_word.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

enum { PRIORITY_MAX = 191, TAG_LEN_MAX = 64, FACILITY_COUNT = 24, INNER_MAX = 3 };

static const struct slice facility_names[FACILITY_COUNT] = {
    SLICE_INIT("kern"),   SLICE_INIT("user"),   SLICE_INIT("mail"),     SLICE_INIT("daemon"),
    SLICE_INIT("auth"),   SLICE_INIT("syslog"), SLICE_INIT("lpr"),      SLICE_INIT("news"),
    SLICE_INIT("uucp"),   SLICE_INIT("cron"),   SLICE_INIT("authpriv"), SLICE_INIT("ftp"),
    SLICE_INIT("ntp"),    SLICE_INIT("audit"),  SLICE_INIT("alert"),    SLICE_INIT("clock"),
    SLICE_INIT("local0"), SLICE_INIT("local1"), SLICE_INIT("local2"),   SLICE_INIT("local3"),
    SLICE_INIT("local4"), SLICE_INIT("local5"), SLICE_INIT("local6"),   SLICE_INIT("local7"),
};

/* Programs whose messages another format reads, and which ones. */
static const struct {
    struct slice tag;
    const struct format *inner[INNER_MAX];
} inner_formats[] = {
    {SLICE_INIT("postgres"), {&format_postgres_stderr, NULL, NULL}},
    {SLICE_INIT("nginx"), {&format_nginx_timing, &format_nginx_access, &format_nginx_error}},
    {SLICE_INIT("apache2"), {&format_apache_access, &format_apache_error, NULL}},
    {SLICE_INIT("httpd"), {&format_apache_access, &format_apache_error, NULL}},
    {SLICE_INIT("haproxy"), {&format_haproxy, NULL, NULL}},
    {SLICE_INIT("redis"), {&format_redis, NULL, NULL}},
    {SLICE_INIT("celery"), {&format_celery, NULL, NULL}},
    {SLICE_INIT("gunicorn"), {&format_gunicorn_error, &format_gunicorn_access, NULL}},
    {SLICE_INIT("couchdb"), {&format_couchdb, NULL, NULL}},
};

struct slice syslog_facility_name(unsigned facility)
{
    return facility < FACILITY_COUNT ? facility_names[facility] : (struct slice){NULL, 0};
}

struct syslog_line {
    int64_t time_ns;
    bool has_time, has_priority;
    unsigned priority;
    struct slice host, app, pid;
    struct slice message;
};

static enum status compile(const struct format_settings *settings, struct arena *arena,
                           const void **out, struct error *err)
{
    return format_postgres_stderr.compile(settings, arena, out, err);
}

/* `NNN ` in front of a priority: how TCP frames messages (RFC 6587, 3.4.1). */
static void skip_octet_count(struct slice *rest)
{
    struct slice at = *rest;
    struct slice digits;

    if (take_digits(&at, &digits) && digits.len <= 5 && starts_with(at, " <"))
        *rest = slice_from(at, 1);
}

/* `<PRI>`, 0 to 191, with leading zeros. */
static bool take_priority(struct slice *rest, struct syslog_line *out)
{
    struct slice at = *rest;
    struct slice digits;
    uint64_t value;

    skip_octet_count(&at);
    if (!take_byte(&at, '<'))
        return true;
    if (!take_digits(&at, &digits) || digits.len > 5 || !slice_to_u64(digits, &value) ||
        value > PRIORITY_MAX || !take_byte(&at, '>'))
        return false;
    out->priority = (unsigned)value;
    out->has_priority = true;
    *rest = at;
    return true;
}

/* `[id k="v" ...]...` or `-`; quotes inside values are escaped. */
static bool skip_structured_data(struct slice *rest)
{
    struct slice at = *rest;
    bool quoted = false;
    size_t i;

    if (take_byte(&at, '-')) {
        *rest = at;
        return true;
    }
    for (i = 0; i < at.len; i++) {
        char c = at.data[i];

        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && c == ']' && (i + 1 >= at.len || at.data[i + 1] != '['))
            break;
    }
    if (i >= at.len || at.data[0] != '[')
        return false;
    *rest = slice_from(at, i + 1);
    return true;
}

/* Behind `<PRI>1 `. */
static bool split_5424(const struct format_context *context, struct slice rest,
                       struct syslog_line *out)
{
    struct slice msgid;

    if (take_literal(&rest, "- ")) {
        out->has_time = false;
    } else {
        out->has_time = stamp_take(context, stamp_parse_iso, &rest, &out->time_ns);
        if (!out->has_time || !take_byte(&rest, ' '))
            return false;
    }
    if (!take_word(&rest, &out->host) || !take_word(&rest, &out->app) ||
        !take_word(&rest, &out->pid) || !take_word(&rest, &msgid) || !skip_structured_data(&rest))
        return false;
    (void)take_byte(&rest, ' ');
    (void)take_literal(&rest, "\xef\xbb\xbf");
    out->message = rest;
    return true;
}

/* `tag[pid]:`, `tag:`; the tag may hold `(pam_unix)` and slashes. */
static bool take_tag(struct slice *rest, struct syslog_line *out)
{
    struct slice at = *rest;
    size_t len = 0;

    while (len < at.len && len < TAG_LEN_MAX && at.data[len] != ':' && at.data[len] != '[' &&
           at.data[len] != ' ')
        len++;
    if (len == 0 || len == at.len || at.data[len] == ' ')
        return false;
    out->app = slice_first(at, len);
    at = slice_from(at, len);
    if (at.data[0] == '[' && !take_bracketed(&at, &out->pid))
        return false;
    if (!take_byte(&at, ':'))
        return false;
    (void)take_byte(&at, ' ');
    *rest = at;
    return true;
}

/* Behind the priority. */
static bool split_3164(const struct format_context *context, struct slice rest,
                       struct syslog_line *out)
{
    struct slice behind;

    (void)take_byte(&rest, '*'); /* Cisco: the clock is not set */
    out->has_time =
        rest.len > 0 &&
        stamp_take(context, is_digit(rest.data[0]) ? stamp_parse_iso : stamp_parse_syslog, &rest,
                   &out->time_ns);
    if (!out->has_time || !take_byte(&rest, ' '))
        return false;
    if (!take_tag(&rest, out)) { /* the usual case: the host is first */
        if (!take_word(&rest, &out->host))
            return false;
        behind = rest;
        if (take_tag(&behind, out))
            rest = behind;
    }
    out->message = rest;
    return true;
}

static bool split(const struct format_context *context, struct slice line, struct syslog_line *out)
{
    struct slice rest = line;
    struct slice none = slice_first(line, 0);

    *out = (struct syslog_line){.host = none, .app = none, .pid = none};
    if (!take_priority(&rest, out))
        return false;
    if (out->has_priority && take_literal(&rest, "1 "))
        return split_5424(context, rest, out);
    return split_3164(context, rest, out);
}

/* The fields from `first` on are spans of `message`: make them spans of the event, or computed
 * texts where the message is one. */
static void place_fields(struct slice event, struct slice message, uint32_t first,
                         struct parsed_event *out)
{
    uintptr_t at = (uintptr_t)message.data - (uintptr_t)event.data; /* wraps if it is before */
    bool inside = at <= event.len && message.len <= event.len - at;

    for (uint32_t i = first; i < out->field_count; i++) {
        struct event_field *field = &out->fields[i];

        if (field->text.data != NULL)
            continue;
        if (inside) {
            field->start += (uint32_t)at;
            continue;
        }
        field->text = slice_sub(message, field->start, field->len);
        field->start = field->len = 0;
    }
}

/* Parse `message` as `format`; on failure `out` is as it was. */
static bool parse_inner(const struct format *format, const struct format_context *context,
                        struct slice event, struct slice message, struct parsed_event *out)
{
    uint32_t count = out->field_count;
    uint8_t level = out->level;
    int64_t time_ns = out->time_ns;
    bool has_time = out->has_time;
    struct format_context inner = *context;

    inner.compiled = format == &format_postgres_stderr ? context->compiled : NULL;
    out->has_time = false;
    if (format->detect(message) == 0 || format->parse(&inner, message, out) != STATUS_OK) {
        out->field_count = count;
        out->level = level;
        out->time_ns = time_ns;
        out->has_time = has_time;
        out->derive_from = DERIVE_NOTHING;
        return false;
    }
    if (!out->has_time) {
        out->time_ns = time_ns;
        out->has_time = has_time;
    }
    place_fields(event, message, count, out);
    return true;
}

bool syslog_message_add(const struct format_context *context, struct slice event, struct slice app,
                        struct slice message, struct parsed_event *out)
{
    struct slice chunk;

    for (size_t i = 0; i < COUNT_OF(inner_formats); i++) {
        if (!slice_starts(app, inner_formats[i].tag))
            continue;
        if (inner_formats[i].inner[0] == &format_postgres_stderr && message.len > 0 &&
            message.data[0] == '[' && take_bracketed(&message, &chunk)) /* [N-M] */
            (void)take_byte(&message, ' ');
        for (unsigned j = 0; j < INNER_MAX && inner_formats[i].inner[j] != NULL; j++)
            if (parse_inner(inner_formats[i].inner[j], context, event, message, out))
                return true;
        return false;
    }
    return false;
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct syslog_line line;

    if (!split(context, event, &line))
        return STATUS_INVALID;
    out->time_ns = line.time_ns;
    out->has_time = line.has_time;
    add_text(out, context->extra[EXTRA_HOSTNAME], event, line.host);
    add_text(out, context->extra[EXTRA_APP], event, line.app);
    add_int(out, FIELD_ID_PID, event, line.pid);
    if (line.has_priority) {
        out->level = (uint8_t)level_of_severity(line.priority % 8);
        parsed_text(out, context->extra[EXTRA_FACILITY], FIELD_TEXT,
                    syslog_facility_name(line.priority / 8));
    }
    (void)syslog_message_add(context, event, line.app, line.message, out);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    struct slice rest = line;
    struct syslog_line head = {.has_priority = false};
    struct slice word;

    if (!take_priority(&rest, &head))
        return 0;
    if (head.has_priority && (stamp_shaped(rest, "1 0000-") || starts_with(rest, "1 - ")))
        return 90;
    if (stamp_shaped(rest, "### 00 00:00:00 ") || stamp_shaped(rest, "###  0 00:00:00 "))
        return is_upper(rest.data[0]) && is_lower(rest.data[1]) ? 80 : 0;
    if (!stamp_shaped(rest, "0000-00-00T00:00:00"))
        return 0;
    if (!take_word(&rest, &word) || !take_word(&rest, &word) || word.len == 0 ||
        !take_tag(&rest, &head))
        return 0;
    return 65;
}

const struct format format_syslog = {
    .name = "syslog",
    .fields = "hostname app pid facility, and those of the inner format",
    .parse = parse,
    .begins = BEGINS_DIGIT | BEGINS_UPPER | BEGINS_OTHER,
    .detect = detect,
    .compile = compile,
};
