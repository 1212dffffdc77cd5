/* collector/formats/postgres_message.c -- messages are known by their first words; each kind that
 * holds a figure or a statement has one function. */
#include "collector/formats/postgres_message.h"

#include "collector/fingerprint.h"
#include "collector/formats/scan.h"

static const struct severity_word {
    struct slice word;
    struct postgres_severity severity;
} severity_words[] = {
    {SLICE_INIT("LOG"), {SEVERITY_PRIMARY, LEVEL_INFO}},
    {SLICE_INIT("ERROR"), {SEVERITY_PRIMARY, LEVEL_ERROR}},
    {SLICE_INIT("STATEMENT"), {SEVERITY_STATEMENT, LEVEL_INFO}},
    {SLICE_INIT("DETAIL"), {SEVERITY_COMPANION, LEVEL_INFO}},
    {SLICE_INIT("HINT"), {SEVERITY_COMPANION, LEVEL_INFO}},
    {SLICE_INIT("CONTEXT"), {SEVERITY_COMPANION, LEVEL_INFO}},
    {SLICE_INIT("QUERY"), {SEVERITY_COMPANION, LEVEL_INFO}},
    {SLICE_INIT("LOCATION"), {SEVERITY_COMPANION, LEVEL_INFO}},
    {SLICE_INIT("BACKTRACE"), {SEVERITY_COMPANION, LEVEL_INFO}},
    {SLICE_INIT("WARNING"), {SEVERITY_PRIMARY, LEVEL_WARNING}},
    {SLICE_INIT("NOTICE"), {SEVERITY_PRIMARY, LEVEL_NOTICE}},
    {SLICE_INIT("INFO"), {SEVERITY_PRIMARY, LEVEL_INFO}},
    {SLICE_INIT("FATAL"), {SEVERITY_PRIMARY, LEVEL_CRIT}},
    {SLICE_INIT("PANIC"), {SEVERITY_PRIMARY, LEVEL_EMERG}},
    {SLICE_INIT("DEBUG"), {SEVERITY_PRIMARY, LEVEL_DEBUG}},
    {SLICE_INIT("DEBUG1"), {SEVERITY_PRIMARY, LEVEL_DEBUG}},
    {SLICE_INIT("DEBUG2"), {SEVERITY_PRIMARY, LEVEL_DEBUG}},
    {SLICE_INIT("DEBUG3"), {SEVERITY_PRIMARY, LEVEL_DEBUG}},
    {SLICE_INIT("DEBUG4"), {SEVERITY_PRIMARY, LEVEL_DEBUG}},
    {SLICE_INIT("DEBUG5"), {SEVERITY_PRIMARY, LEVEL_DEBUG}},
    /* German */
    {SLICE_INIT("FEHLER"), {SEVERITY_PRIMARY, LEVEL_ERROR}},
    {SLICE_INIT("WARNUNG"), {SEVERITY_PRIMARY, LEVEL_WARNING}},
    {SLICE_INIT("PANIK"), {SEVERITY_PRIMARY, LEVEL_EMERG}},
    {SLICE_INIT("TIPP"), {SEVERITY_COMPANION, LEVEL_INFO}},
    {SLICE_INIT("ZUSAMMENHANG"), {SEVERITY_COMPANION, LEVEL_INFO}},
    {SLICE_INIT("ANWEISUNG"), {SEVERITY_STATEMENT, LEVEL_INFO}},
    /* French */
    {SLICE_INIT("ERREUR"), {SEVERITY_PRIMARY, LEVEL_ERROR}},
    {SLICE_INIT("ATTENTION"), {SEVERITY_PRIMARY, LEVEL_WARNING}},
    {SLICE_INIT("ASTUCE"), {SEVERITY_COMPANION, LEVEL_INFO}},
    {SLICE_INIT("CONTEXTE"), {SEVERITY_COMPANION, LEVEL_INFO}},
    {SLICE_INIT("INSTRUCTION"), {SEVERITY_STATEMENT, LEVEL_INFO}},
};

struct postgres_severity postgres_severity_of(struct slice word)
{
    for (size_t i = 0; i < COUNT_OF(severity_words); i++)
        if (slice_equal(severity_words[i].word, word))
            return severity_words[i].severity;
    return (struct postgres_severity){SEVERITY_UNKNOWN, LEVEL_INFO};
}

static void add_statement(struct slice event, const struct format_context *context,
                          struct slice statement, struct parsed_event *out)
{
    struct slice hint;

    while (statement.len > 0 &&
           (statement.data[statement.len - 1] == '\n' || statement.data[statement.len - 1] == '\r'))
        statement.len--;
    if (statement.len == 0)
        return;
    add_text(out, FIELD_ID_STATEMENT, event, statement);
    parsed_text(out, FIELD_ID_FINGERPRINT, FIELD_TEXT,
                fingerprint_sql(statement, context->statements, context->arena, &hint));
    add_text(out, FIELD_ID_TASK, event, hint);
}

/* The number behind the first `before`, in `unit`; what follows the number is left in `rest`. */
static bool add_figure(struct slice event, struct slice *rest, struct slice before, field_id field,
                       enum field_unit unit, struct parsed_event *out)
{
    size_t at = slice_find(*rest, before);
    struct slice number;
    size_t len = 0;

    if (at == SIZE_MAX)
        return false;
    *rest = slice_from(*rest, at + before.len);
    while (len < rest->len && (is_digit(rest->data[len]) || rest->data[len] == '.'))
        len++;
    number = slice_first(*rest, len);
    *rest = slice_from(*rest, len);
    if (unit == UNIT_BYTES)
        add_bytes(out, field, event, number);
    else
        add_duration(out, field, unit, event, number);
    return true;
}

/* ` ms  statement: SQL`, `  execute name: SQL`, `  plan:` and its lines; `op` says which. */
static void add_after_duration(const struct format_context *context, struct slice event,
                               struct slice rest, struct parsed_event *out)
{
    struct slice op;
    size_t colon;

    if (!take_literal(&rest, " ms  ") && !take_literal(&rest, " ms "))
        return;
    colon = find_byte(rest, ':');
    op = slice_first(rest, colon);
    if (slice_is(op, "plan")) {
        size_t query = find_literal(rest, "Query Text: ");

        if (query != SIZE_MAX)
            add_statement(event, context,
                          first_line(slice_from(rest, query + sizeof("Query Text: ") - 1), NULL),
                          out);
        return;
    }
    if (colon == SIZE_MAX)
        return;
    op = slice_first(op, find_byte(op, ' '));
    add_text(out, context->extra[EXTRA_OP], event, op);
    rest = slice_from(rest, colon + 1);
    (void)take_byte(&rest, ' ');
    add_statement(event, context, rest, out);
}

/* `key=` in a list of `key=value` words. */
static void add_keyed(struct slice event, struct slice message, struct slice key, field_id field,
                      struct parsed_event *out)
{
    size_t at = slice_find(message, key);
    struct slice value;

    if (at == SIZE_MAX)
        return;
    value = slice_from(message, at + key.len);
    value = slice_first(value, find_byte(value, ' '));
    if (field == FIELD_ID_CLIENT)
        add_address(out, field, event, value);
    else
        add_text(out, field, event, value);
}

static void add_connection(const struct format_context *context, struct slice event,
                           struct slice message, struct parsed_event *out)
{
    message = first_line(message, NULL);
    add_keyed(event, message, SLICE_LITERAL(" user="), FIELD_ID_USER, out);
    add_keyed(event, message, SLICE_LITERAL(" database="), FIELD_ID_DATABASE, out);
    add_keyed(event, message, SLICE_LITERAL(" host="), FIELD_ID_CLIENT, out);
    add_keyed(event, message, SLICE_LITERAL(" application_name="), context->extra[EXTRA_APP], out);
}

/* `session time: H:MM:SS.mmm` carries its own unit. */
static void add_session_time(struct slice event, struct slice message, struct parsed_event *out)
{
    size_t at = find_literal(message, "session time: ");
    struct slice value;

    if (at == SIZE_MAX)
        return;
    value = slice_from(message, at + sizeof("session time: ") - 1);
    value = slice_first(value, find_byte(value, ' '));
    parsed_span(out, FIELD_ID_DURATION, FIELD_DURATION, UNIT_NONE, event, value);
}

static void add_log_facts(const struct format_context *context, struct slice event,
                          struct slice message, struct parsed_event *out)
{
    struct slice rest = message;

    if (starts_with(message, "temporary file: ")) {
        (void)add_figure(event, &rest, SLICE_LITERAL("\", size "), FIELD_ID_BYTES, UNIT_BYTES, out);
    } else if (starts_with(message, "process ")) {
        (void)add_figure(event, &rest, SLICE_LITERAL(" after "), FIELD_ID_DURATION,
                         UNIT_MILLISECONDS, out);
    } else if (starts_with(message, "checkpoint complete") ||
               starts_with(message, "restartpoint complete")) {
        (void)add_figure(event, &rest, SLICE_LITERAL(" total="), FIELD_ID_DURATION, UNIT_SECONDS,
                         out);
    } else if (starts_with(message, "automatic ")) {
        (void)add_figure(event, &rest, SLICE_LITERAL("elapsed: "), FIELD_ID_DURATION, UNIT_SECONDS,
                         out);
    } else if (starts_with(message, "connection ")) {
        add_connection(context, event, message, out);
    } else if (starts_with(message, "disconnection: ")) {
        add_session_time(event, message, out);
        add_connection(context, event, message, out);
    }
}

void postgres_message_add(const struct format_context *context, struct slice event,
                          struct slice message, struct slice statement, struct parsed_event *out)
{
    struct slice rest = message;

    if (starts_with(message, "duration: ")) {
        (void)add_figure(event, &rest, SLICE_LITERAL("duration: "), FIELD_ID_DURATION,
                         UNIT_MILLISECONDS, out);
        add_after_duration(context, event, rest, out);
    } else if (take_literal(&rest, "statement: ")) {
        add_statement(event, context, rest, out);
    } else if (take_literal(&rest, "execute ") && find_byte(rest, ':') != SIZE_MAX) {
        rest = slice_from(rest, find_byte(rest, ':') + 1);
        (void)take_byte(&rest, ' ');
        add_statement(event, context, rest, out);
    } else {
        add_log_facts(context, event, message, out);
    }
    add_statement(event, context, statement, out);
}
