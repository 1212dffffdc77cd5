/* collector/formats/postgres_stderr.c -- PostgreSQL's plain log: `<prefix>SEVERITY:  message`.
 *
 * The prefix is the configured one, or that of the known ones which fits.
 * DETAIL, STATEMENT and their like that follow their event directly, with the same pid or session,
 * are its lines. When another backend wrote in between they stay events of their own, which the
 * field `pid` links: holding back events of all backends until each is surely complete would delay
 * every one of them, and the bytes of an event would no longer be one range of the file. */
#include "collector/formats/formats.h"
#include "collector/formats/postgres_message.h"
#include "collector/formats/postgres_prefix.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

#define HEROKU_PREFIX                                                                              \
    "sql_error_code = %e time_ms = \"%m\" pid=\"%p\" proc_start_time=\"%s\" session_id=\"%c\" "    \
    "vtid=\"%v\" tid=\"%x\" log_line=\"%l\" database=\"%d\" connection_source=\"%r\" user=\"%u\" " \
    "application_name=\"%a\" "

/* In the order of trial. One that says more about the line comes before one that its lines would
 * also match. */
static const char *const known_prefixes[] = {
    "%m [%p] %q%u@%d ", /* Debian; background processes: default of 10+ */
    "%m [%p] [queryid=%Q] %u@%d ",
    "%m [%p][%b]: [%l-1] db=%d,user=%u ",
    "%m [%p] %d %a %u %h %c ",
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: db=%d,user=%u,app=%a,client=%h ",
    "%t [%p]: [%l-1] db=%d,user=%u,app=%a,client=%h ",
    "%t [%p]: [%l-1] user=%u,db=%d ",
    "%t:%r:%u@%d:[%p]:", /* Amazon RDS */
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:",
    "%t-%c-",
    "<%t %r %a %d %u %p %c %i>",
    HEROKU_PREFIX,
    "%t ", /* CommCare, beside csvlog */
};

enum {
    MATCHES = 2,        /* the event that ends and the line that ends it */
    MATCHED_MAX = 1024, /* longer lines are matched each time */
};

/* A first line and its values. A line is looked at when it comes and again when its event is whole;
 * what is said of it depends on its bytes alone. */
struct matched {
    size_t len; /* 0: none */
    const struct postgres_prefix *prefix;
    struct prefix_values values; /* parts of `line` */
    char line[MATCHED_MAX];
};

struct match_memory {
    uint32_t next; /* that is replaced */
    struct matched matches[MATCHES];
};

struct compiled_prefixes {
    uint32_t count;
    struct postgres_prefix prefixes[COUNT_OF(known_prefixes)];
    struct match_memory *memory; /* of this source, or NULL */
};

/* What a prefix says could depend on more than the first line. */
static bool spans_lines(struct slice prefix)
{
    return find_byte(prefix, '\n') != SIZE_MAX;
}

static enum status compile(const struct format_settings *settings, struct arena *arena,
                           const void **out, struct error *err)
{
    struct compiled_prefixes *compiled = arena_new(arena, struct compiled_prefixes, 1);
    enum status status = STATUS_OK;

    if (compiled == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for log_line_prefix");
    if (settings->line_prefix.len > 0) {
        compiled->count = 1;
        status = postgres_prefix_compile(settings->line_prefix, &compiled->prefixes[0], err);
    }
    for (size_t i = 0; settings->line_prefix.len == 0 && i < COUNT_OF(known_prefixes); i++) {
        status = postgres_prefix_compile(slice_of(known_prefixes[i]),
                                         &compiled->prefixes[compiled->count++], err);
        if (status != STATUS_OK)
            break;
    }
    if (!spans_lines(settings->line_prefix))
        compiled->memory = arena_new(arena, struct match_memory, 1); /* NULL: slower */
    if (status == STATUS_OK)
        *out = compiled;
    return status;
}

/* The same part of another copy of a text. */
static inline struct slice part_in(struct slice part, const char *from, const char *to)
{
    return slice_make(to + (part.data - from), part.len);
}

static inline void copy_values(const struct prefix_values *values, const char *from, const char *to,
                               struct prefix_values *out)
{
    out->time_ns = values->time_ns;
    out->has_time = values->has_time;
    out->pid = part_in(values->pid, from, to);
    out->user = part_in(values->user, from, to);
    out->database = part_in(values->database, from, to);
    out->app = part_in(values->app, from, to);
    out->client = part_in(values->client, from, to);
    out->sqlstate = part_in(values->sqlstate, from, to);
    out->session = part_in(values->session, from, to);
    out->severity = part_in(values->severity, from, to);
    out->message = part_in(values->message, from, to);
}

static void remember(struct match_memory *memory, const struct postgres_prefix *prefix,
                     struct slice line, const struct prefix_values *values)
{
    struct matched *matched = &memory->matches[memory->next];

    if (line.len > MATCHED_MAX)
        return;
    memory->next = (memory->next + 1) % MATCHES;
    matched->len = line.len;
    matched->prefix = prefix;
    memcpy(matched->line, line.data, line.len);
    copy_values(values, line.data, matched->line, &matched->values);
}

/* As match_any(), of a text whose first line was matched before. NULL: it was not. */
static const struct postgres_prefix *recall(const struct match_memory *memory, struct slice text,
                                            struct slice line, struct prefix_values *out)
{
    const struct matched *matched = memory->matches;

    for (; matched < memory->matches + MATCHES; matched++)
        if (matched->len == line.len && memcmp(matched->line, line.data, line.len) == 0) {
            copy_values(&matched->values, matched->line, text.data, out);
            out->message.len = text.len - (size_t)(out->message.data - text.data);
            return matched->prefix;
        }
    return NULL;
}

/* The first prefix that fits; the message must begin with a word that is a severity. */
static const struct postgres_prefix *match_any(const struct format_context *context,
                                               struct slice line, struct prefix_values *out)
{
    const struct compiled_prefixes *compiled = context->compiled;
    struct prefix_memo memo = {NULL, 0, 0};

    for (uint32_t i = 0; compiled != NULL && i < compiled->count; i++)
        if (postgres_prefix_match(&compiled->prefixes[i], context, line, &memo, out))
            return &compiled->prefixes[i];
    return NULL;
}

/* As match_any(), of a line or of the text of an event. */
static const struct postgres_prefix *match(const struct format_context *context, struct slice text,
                                           struct prefix_values *out)
{
    const struct compiled_prefixes *compiled = context->compiled;
    struct match_memory *memory = compiled == NULL ? NULL : compiled->memory;
    const struct postgres_prefix *prefix;
    struct slice line;

    if (memory == NULL)
        return match_any(context, text, out);
    line = first_line(text, NULL);
    prefix = line.len == 0 ? NULL : recall(memory, text, line, out);
    if (prefix != NULL)
        return prefix;
    prefix = match_any(context, text, out);
    if (prefix != NULL)
        remember(memory, prefix, line, out);
    return prefix;
}

static bool is_companion(struct slice severity)
{
    enum severity_kind kind = postgres_severity_of(severity).kind;

    return kind == SEVERITY_COMPANION || kind == SEVERITY_STATEMENT;
}

static bool same_backend(const struct prefix_values *a, const struct prefix_values *b)
{
    return slice_equal(a->pid, b->pid) && slice_equal(a->session, b->session);
}

static enum line_kind line_kind(const struct format_context *context, struct slice open,
                                struct slice line)
{
    struct prefix_values values;
    struct prefix_values first;

    if (line.len == 0 || line.data[0] == '\t')
        return open.len > 0 ? LINE_CONTINUES : LINE_UNKNOWN;
    if (match(context, line, &values) == NULL)
        return LINE_UNKNOWN;
    if (open.len > 0 && is_companion(values.severity) && match(context, open, &first) != NULL &&
        same_backend(&first, &values))
        return LINE_CONTINUES;
    return LINE_STARTS;
}

/* Length of the first line and of those that a TAB or nothing at all ties to it. */
static size_t text_len(struct slice text)
{
    size_t at = find_byte(text, '\n');

    while (at != SIZE_MAX) {
        size_t next;

        if (at + 1 < text.len && text.data[at + 1] != '\t' && text.data[at + 1] != '\n')
            return at;
        next = find_byte(slice_from(text, at + 1), '\n');
        at = next == SIZE_MAX ? SIZE_MAX : at + 1 + next;
    }
    return text.len;
}

/* The STATEMENT among the companions; they have the prefix of the first line. */
static struct slice find_statement(const struct postgres_prefix *prefix,
                                   const struct format_context *context, struct slice companions)
{
    while (companions.len > 0) {
        struct prefix_memo memo = {NULL, 0, 0};
        struct prefix_values values;
        struct slice text = slice_first(companions, text_len(companions));

        if (postgres_prefix_match(prefix, context, text, &memo, &values) &&
            postgres_severity_of(values.severity).kind == SEVERITY_STATEMENT)
            return values.message;
        companions = slice_from(companions, text.len + 1);
    }
    return companions;
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct prefix_values values;
    const struct postgres_prefix *prefix = match(context, event, &values);
    struct postgres_severity severity;
    struct slice statement = slice_from(event, event.len);
    size_t len;

    if (prefix == NULL)
        return STATUS_INVALID;
    severity = postgres_severity_of(values.severity);
    out->time_ns = values.time_ns;
    out->has_time = values.has_time;
    out->level = (uint8_t)severity.level;
    add_int(out, FIELD_ID_PID, event, values.pid);
    add_text(out, FIELD_ID_USER, event, values.user);
    add_text(out, FIELD_ID_DATABASE, event, values.database);
    add_address(out, FIELD_ID_CLIENT, event, values.client);
    add_text(out, context->extra[EXTRA_APP], event, values.app);
    add_text(out, context->extra[EXTRA_SESSION], event, values.session);
    add_text(out, FIELD_ID_SQLSTATE, event, values.sqlstate);
    len = text_len(values.message);
    if (severity.kind == SEVERITY_STATEMENT)
        statement = slice_first(values.message, len);
    else if (len < values.message.len)
        statement = find_statement(prefix, context, slice_from(values.message, len + 1));
    postgres_message_add(context, event,
                         slice_first(values.message, severity.kind == SEVERITY_STATEMENT ? 0 : len),
                         statement, out);
    return STATUS_OK;
}

/* A severity with its two blanks in the first part of the line. */
static bool has_severity(struct slice head)
{
    size_t at = 0;

    for (;;) {
        size_t colon = slice_find(slice_from(head, at), SLICE_LITERAL(":  "));
        size_t start;

        if (colon == SIZE_MAX)
            return false;
        colon += at;
        start = colon;
        while (start > 0 && (is_upper(head.data[start - 1]) || is_digit(head.data[start - 1])))
            start--;
        if (postgres_severity_of(slice_sub(head, start, colon - start)).kind != SEVERITY_UNKNOWN)
            return true;
        at = colon + 3;
    }
}

static unsigned detect(struct slice line)
{
    struct slice rest = line;

    (void)take_byte(&rest, '<');
    if (!stamp_shaped(rest, "0000-00-00 00:00:00") && !starts_with(line, "sql_error_code = "))
        return 0;
    return has_severity(slice_first(line, 400)) ? 85 : 0;
}

const struct format format_postgres_stderr = {
    .name = "postgres_stderr",
    .fields = "pid user database client statement fingerprint duration sqlstate session app task "
              "bytes op",
    .has_statements = true,
    .multi_line = true,
    .starts_alone = true,
    .line_kind = line_kind,
    .parse = parse,
    .begins = BEGINS_DIGIT | BEGINS_OTHER,
    .detect = detect,
    .compile = compile,
};
