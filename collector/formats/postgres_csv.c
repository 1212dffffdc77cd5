/* collector/formats/postgres_csv.c -- PostgreSQL's csvlog: RFC 4180 records with columns by
 * position (23 in 9.0 to 12, 24 in 13, 26 since 14), whose quoted values hold raw newlines. */
#include "collector/formats/formats.h"
#include "collector/formats/postgres_message.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

enum {
    COLUMN_TIME = 0,
    COLUMN_USER = 1,
    COLUMN_DATABASE = 2,
    COLUMN_PID = 3,
    COLUMN_CLIENT = 4,
    COLUMN_SESSION = 5,
    COLUMN_SEVERITY = 11,
    COLUMN_SQLSTATE = 12,
    COLUMN_MESSAGE = 13, /* the last one that a record must have */
    COLUMN_QUERY = 19,
    COLUMN_APP = 22,
    COLUMN_COUNT_MAX = 32,
};

enum quote_state { QUOTE_CLOSED = 1, QUOTE_OPEN = 2 }; /* context->open_state; 0: no line yet */

static bool starts(struct slice line)
{
    size_t comma;

    if (!stamp_shaped(line, "0000-00-00 00:00:00.000 "))
        return false;
    comma = find_byte(slice_sub(line, 24, 8), ',');
    return comma != SIZE_MAX && comma > 0;
}

/* Sixteen bytes at once: each of these bits is set if an odd number of them has a quote there. */
static bool odd_quotes(struct slice line)
{
    size_t at = 0;
    bool odd = false;

#ifdef __SSE2__
    __m128i quotes = _mm_setzero_si128();

    for (; at + 16 <= line.len; at += 16)
        quotes = _mm_xor_si128(
            quotes, _mm_cmpeq_epi8(_mm_loadu_si128((const void *)(line.data + at)),
                                   _mm_set1_epi8('"')));
    odd = __builtin_parity((unsigned)_mm_movemask_epi8(quotes)) != 0;
#endif
    for (; at < line.len; at++)
        odd ^= line.data[at] == '"';
    return odd;
}

/* A stamp at the start of a line wins over open quotes: after damage the parity is worth nothing.
 */
static enum line_kind line_kind(const struct format_context *context, struct slice open,
                                struct slice line)
{
    bool odd = odd_quotes(line);

    if (starts(line)) {
        *context->open_state = odd ? QUOTE_OPEN : QUOTE_CLOSED;
        return LINE_STARTS;
    }
    if (open.len == 0 || *context->open_state != QUOTE_OPEN)
        return LINE_UNKNOWN;
    if (odd)
        *context->open_state = QUOTE_CLOSED;
    return LINE_CONTINUES;
}

struct column {
    struct slice text; /* between the quotes, if it has some */
    bool doubled;      /* holds "" for a quote */
};

static void take_column(struct slice *rest, struct column *out)
{
    size_t end;

    *out = (struct column){.text = slice_first(*rest, 0)};
    if (rest->len > 0 && rest->data[0] == ',') /* half of the columns of most records */
        return;
    if (!take_byte(rest, '"')) {
        end = find_byte(*rest, ',');
        out->text = slice_first(*rest, end);
        *rest = slice_from(*rest, out->text.len);
        return;
    }
    for (end = 0;; end += 2) {
        size_t quote = find_byte(slice_from(*rest, end), '"');

        end = quote == SIZE_MAX ? rest->len : end + quote;
        if (end + 1 >= rest->len || rest->data[end + 1] != '"')
            break;
        out->doubled = true;
    }
    out->text = slice_first(*rest, end);
    *rest = slice_from(*rest, end + 1);
}

static unsigned split(struct slice record, struct column columns[COLUMN_COUNT_MAX])
{
    unsigned count = 0;

    while (count < COLUMN_COUNT_MAX) {
        take_column(&record, &columns[count++]);
        if (!take_byte(&record, ','))
            break;
    }
    return count;
}

/* The value with "" made one quote, in the arena if there is any. */
static struct slice column_text(const struct column *column, struct arena *arena)
{
    char *out;
    size_t len = 0;

    if (!column->doubled)
        return column->text;
    out = arena_alloc(arena, 1, 1, column->text.len);
    if (out == NULL)
        return slice_first(column->text, 0);
    for (size_t i = 0; i < column->text.len; i++) {
        out[len++] = column->text.data[i];
        if (column->text.data[i] == '"' && i + 1 < column->text.len)
            i++;
    }
    return (struct slice){out, len};
}

/* `host:port`, `[local]`; IPv6 has no brackets, so the last colon is the port's. */
static struct slice client_of(struct slice connection)
{
    size_t colon = slice_find_last_byte(connection, ':');

    return slice_first(connection, colon);
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct column columns[COLUMN_COUNT_MAX];
    unsigned count = split(event, columns);
    struct postgres_severity severity;
    struct slice time;

    if (count <= COLUMN_MESSAGE)
        return STATUS_INVALID;
    severity = postgres_severity_of(columns[COLUMN_SEVERITY].text);
    time = columns[COLUMN_TIME].text;
    if (severity.kind == SEVERITY_UNKNOWN ||
        !stamp_take(context, stamp_parse_iso, &time, &out->time_ns))
        return STATUS_INVALID;
    out->has_time = true;
    out->level = (uint8_t)severity.level;
    add_text(out, FIELD_ID_USER, event, column_text(&columns[COLUMN_USER], context->arena));
    add_text(out, FIELD_ID_DATABASE, event, column_text(&columns[COLUMN_DATABASE], context->arena));
    add_int(out, FIELD_ID_PID, event, columns[COLUMN_PID].text);
    add_address(out, FIELD_ID_CLIENT, event, client_of(columns[COLUMN_CLIENT].text));
    add_text(out, context->extra[EXTRA_SESSION], event, columns[COLUMN_SESSION].text);
    add_text(out, FIELD_ID_SQLSTATE, event, columns[COLUMN_SQLSTATE].text);
    postgres_message_add(context, event, column_text(&columns[COLUMN_MESSAGE], context->arena),
                         count > COLUMN_QUERY ? column_text(&columns[COLUMN_QUERY], context->arena)
                                              : slice_first(event, 0),
                         out);
    if (count > COLUMN_APP)
        add_text(out, context->extra[EXTRA_APP], event,
                 column_text(&columns[COLUMN_APP], context->arena));
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    unsigned commas = 0;

    if (!starts(line))
        return 0;
    for (size_t i = 0; i < line.len && commas < COLUMN_MESSAGE; i++)
        commas += line.data[i] == ',';
    return commas == COLUMN_MESSAGE ? 97 : 0;
}

const struct format format_postgres_csv = {
    .name = "postgres_csv",
    .fields = "pid user database client statement fingerprint duration sqlstate session app task "
              "bytes op",
    .has_statements = true,
    .multi_line = true,
    .starts_alone = true,
    .line_kind = line_kind,
    .parse = parse,
    .begins = BEGINS_DIGIT,
    .detect = detect,
};
