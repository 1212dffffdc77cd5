/* collector/formats/postgres_prefix.c -- a prefix is a row of literals and values. Values of a
 * known shape (times, numbers) end where their shape ends; names end at the literal behind them,
 * and since a name may hold that literal, the match goes back to the next occurrence when the rest
 * does not fit. */
#include "collector/formats/postgres_prefix.h"

#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

enum { SEVERITY_LEN_MAX = 24 };

static enum status take_escape(struct slice *rest, struct slice text, struct prefix_step *out,
                               struct error *err)
{
    size_t at = text.len - rest->len;
    struct slice digits;

    *out = (struct prefix_step){.padded = take_byte(rest, '-')};
    if (take_digits(rest, &digits))
        out->padded = true;
    if (rest->len == 0)
        return error_set(err, STATUS_INVALID, "log_line_prefix: byte %zu: %% at the end", at);
    out->escape = rest->data[0];
    if (out->escape == '\0' || strchr("tmnpPludarhLbiecsvxqQ", out->escape) == NULL)
        return error_set(err, STATUS_INVALID,
                         "log_line_prefix: byte %zu: unknown escape, expected one of "
                         "%%tmnpPludarhLbiecsvxqQ or %%%%",
                         at);
    *rest = slice_from(*rest, 1);
    return STATUS_OK;
}

enum status postgres_prefix_compile(struct slice text, struct postgres_prefix *out,
                                    struct error *err)
{
    struct slice rest = text;

    out->step_count = 0;
    while (rest.len > 0) {
        struct prefix_step *step = &out->steps[out->step_count];
        size_t percent = find_byte(rest, '%');
        enum status status;

        if (out->step_count == PREFIX_STEPS_MAX)
            return error_set(err, STATUS_TOO_LARGE, "log_line_prefix: more than %d parts",
                             PREFIX_STEPS_MAX);
        out->step_count++;
        if (percent != 0) {
            *step = (struct prefix_step){.literal = slice_first(rest, percent)};
            rest = slice_from(rest, percent);
            continue;
        }
        rest = slice_from(rest, 1);
        if (starts_with(rest, "%")) {
            *step = (struct prefix_step){.literal = slice_first(rest, 1)};
            rest = slice_from(rest, 1);
            continue;
        }
        status = take_escape(&rest, text, step, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

struct prefix_match {
    const struct postgres_prefix *prefix;
    const struct format_context *context;
    struct prefix_values *out;
    struct prefix_memo *memo;
    const char *line_end; /* of the first line */
    unsigned tries;
};

/* `SEVERITY:  message`, or with one blank; some languages put a blank before the colon. */
static bool take_severity(struct slice rest, struct prefix_values *out)
{
    size_t len = 0;

    while (len < rest.len && len < SEVERITY_LEN_MAX &&
           (is_upper(rest.data[len]) || (unsigned char)rest.data[len] >= 0x80 ||
            (len >= 5 && is_digit(rest.data[len]))))
        len++;
    if (len < 3)
        return false;
    out->severity = slice_first(rest, len);
    rest = slice_from(rest, len);
    (void)take_byte(&rest, ' ');
    if (!take_literal(&rest, ": "))
        return false;
    (void)take_byte(&rest, ' ');
    out->message = rest;
    return true;
}

static size_t span_of(struct slice text, const char *bytes)
{
    size_t len = 0;

    while (len < text.len && (is_digit(text.data[len]) || strchr(bytes, text.data[len]) != NULL) &&
           text.data[len] != '\0')
        len++;
    return len;
}

/* %t, %m and %n. */
static bool take_time(const struct prefix_match *match, stamp_parser *parser, struct slice *rest)
{
    struct prefix_memo *memo = match->memo;

    if (memo->at != rest->data) {
        struct slice behind = *rest;

        memo->at = rest->data;
        memo->len = stamp_take(match->context, parser, &behind, &memo->time_ns)
                        ? rest->len - behind.len
                        : 0;
    }
    match->out->time_ns = memo->time_ns;
    match->out->has_time = memo->len > 0;
    *rest = slice_from(*rest, memo->len);
    return memo->len > 0;
}

/* A value whose own shape ends it. */
static bool take_shaped(const struct prefix_match *match, char escape, struct slice *rest,
                        struct slice *value)
{
    struct slice start = *rest;
    int64_t ns;

    switch (escape) {
    case 't':
    case 'm':
        return take_time(match, stamp_parse_iso, rest);
    case 'n':
        return take_time(match, stamp_parse_epoch, rest);
    case 's':
        (void)stamp_take(match->context, stamp_parse_iso, rest, &ns); /* empty at the start */
        return true;
    case 'c':
        *rest = slice_from(*rest, span_of(*rest, "abcdef."));
        break;
    case 'e':
        while (rest->len > 0 && start.len - rest->len < 5 &&
               (is_digit(rest->data[0]) || is_upper(rest->data[0])))
            *rest = slice_from(*rest, 1);
        break;
    case 'v':
        *rest = slice_from(*rest, span_of(*rest, "/-"));
        break;
    case 'Q': /* signed */
        *rest = slice_from(*rest, span_of(*rest, "-"));
        break;
    default: /* p P l x */
        *rest = slice_from(*rest, count_digits(*rest));
        break;
    }
    *value = slice_first(start, start.len - rest->len);
    return true;
}

static void keep(struct prefix_values *out, char escape, struct slice value)
{
    if (slice_is(value, "[unknown]"))
        value.len = 0;
    switch (escape) {
    case 'p':
        out->pid = value;
        break;
    case 'u':
        out->user = value;
        break;
    case 'd':
        out->database = value;
        break;
    case 'a':
        out->app = value;
        break;
    case 'r': /* host(port) */
        out->client = slice_first(value, find_byte(value, '('));
        break;
    case 'h':
        out->client = value;
        break;
    case 'e':
        out->sqlstate = value;
        break;
    case 'c':
        out->session = value;
        break;
    default:
        break;
    }
}

static bool match_from(struct prefix_match *match, uint32_t index, struct slice rest);

/* A name: up to the literal behind it, or to the blank or end where there is none. */
static bool match_name(struct prefix_match *match, uint32_t index, struct slice rest)
{
    const struct prefix_step *step = &match->prefix->steps[index];
    const struct prefix_step *next = step + 1;
    bool last = index + 1 == match->prefix->step_count || next->escape != 0;
    struct slice until = last ? SLICE_LITERAL(" ") : next->literal;
    struct slice line;
    size_t from = 0;

    if (rest.data <= match->line_end)
        line = slice_make(rest.data, (size_t)(match->line_end - rest.data));
    else /* a literal with a newline in it */
        line = first_line(rest, NULL);

    while (match->tries++ < PREFIX_BACKTRACK_MAX) {
        size_t end = find_by(slice_from(line, from), until, 0);
        struct slice value;

        if (end == SIZE_MAX) {
            if (!last || from > 0)
                return false;
            end = 0;
        }
        end += from;
        value = slice_first(line, end);
        if (step->escape != 'a' && step->escape != 'b' && step->escape != 'i' && !step->padded &&
            find_byte(value, ' ') != SIZE_MAX)
            return false;
        keep(match->out, step->escape, step->padded ? slice_trim(value) : value);
        if (match_from(match, index + 1, slice_from(rest, end)))
            return true;
        from = end + 1;
    }
    return false;
}

static bool match_from(struct prefix_match *match, uint32_t index, struct slice rest)
{
    for (; index < match->prefix->step_count; index++) {
        const struct prefix_step *step = &match->prefix->steps[index];
        struct slice value = slice_first(rest, 0);

        switch (step->escape) {
        case 0:
            if (!take_prefix(&rest, step->literal))
                return false;
            break;
        case 'q':
            /* Background processes end the prefix here. */
            if (match_from(match, index + 1, rest))
                return true;
            match->out->user = match->out->database = match->out->app = match->out->client =
                slice_first(rest, 0);
            return take_severity(rest, match->out);
        case 'u':
        case 'd':
        case 'a':
        case 'r':
        case 'h':
        case 'L':
        case 'b':
        case 'i':
            return match_name(match, index, rest);
        default:
            if (step->padded)
                skip_blanks(&rest);
            if (!take_shaped(match, step->escape, &rest, &value))
                return false;
            if (step->padded && step->escape != 't' && step->escape != 'm')
                skip_blanks(&rest);
            keep(match->out, step->escape, value);
            break;
        }
    }
    return take_severity(rest, match->out);
}

bool postgres_prefix_match(const struct postgres_prefix *prefix,
                           const struct format_context *context, struct slice line,
                           struct prefix_memo *memo, struct prefix_values *out)
{
    struct slice first = first_line(line, NULL);
    struct prefix_match match = {.prefix = prefix,
                                 .context = context,
                                 .out = out,
                                 .memo = memo,
                                 .line_end = slice_from(first, first.len).data};
    struct slice none = slice_first(line, 0);

    *out = (struct prefix_values){.pid = none,
                                  .user = none,
                                  .database = none,
                                  .app = none,
                                  .client = none,
                                  .sqlstate = none,
                                  .session = none};
    return match_from(&match, 0, line);
}
