/* collector/formats/logfmt.c -- `key=value key="quoted value"` on one line. Words without an equals
 * sign are allowed between (some writers print a bare message first). */
#include "collector/formats/formats.h"
#include "collector/formats/json_fields.h"
#include "collector/formats/scan.h"
#include "collector/formats/structured.h"

enum { PAIRS_MIN = 2, KEY_LEN_MAX = 64 };

struct pair {
    struct slice key, value;
    bool escaped;
};

static bool is_key_byte(char c)
{
    return is_lower(c) || is_upper(c) || is_digit(c) || c == '_' || c == '.' || c == '-' ||
           c == '@' || c == '/';
}

/* `"..."` with backslash escapes: the value is what is between. */
static bool take_quoted(struct slice *rest, struct pair *out)
{
    struct slice at = slice_from(*rest, 1);
    size_t len = 0;

    while (len < at.len && at.data[len] != '"') {
        if (at.data[len] == '\\') {
            out->escaped = true;
            len++;
        }
        len++;
    }
    if (len >= at.len)
        return false;
    out->value = slice_first(at, len);
    *rest = slice_from(at, len + 1);
    return true;
}

/* The next pair; words in front of it are skipped. */
static bool take_pair(struct slice *rest, struct pair *out)
{
    for (;;) {
        size_t len = 0;

        skip_blanks(rest);
        if (rest->len == 0)
            return false;
        while (len < rest->len && is_key_byte(rest->data[len]))
            len++;
        if (len == 0 || len > KEY_LEN_MAX || len == rest->len || rest->data[len] != '=') {
            struct slice word;

            (void)take_word(rest, &word);
            continue;
        }
        *out = (struct pair){.key = slice_first(*rest, len)};
        *rest = slice_from(*rest, len + 1);
        if (starts_with(*rest, "\"") && take_quoted(rest, out))
            return true;
        if (!take_word(rest, &out->value))
            out->value = *rest;
        return true;
    }
}

static void add_pair(const struct format_context *context, struct slice event,
                     const struct pair *pair, unsigned position, bool *has_level,
                     struct parsed_event *out)
{
    struct structured_key known = structured_key_of(pair->key);
    struct slice value = pair->escaped ? json_unescape(pair->value, context->arena) : pair->value;
    enum level level;

    if (known.kind == STRUCTURED_TIME) {
        if (!out->has_time)
            out->has_time = structured_time(context, value, &out->time_ns);
        return;
    }
    if (known.kind == STRUCTURED_LEVEL) {
        level = structured_level(value);
        if (level != LEVEL_COUNT) {
            out->level = (uint8_t)level;
            *has_level = true;
        }
        return;
    }
    if (known.type == FIELD_TEXT)
        known.type = structured_type_of(value);
    if (slice_is(pair->key, "duration") && known.type == FIELD_TEXT)
        known.type = FIELD_DURATION; /* Go prints the unit: 1.5ms */
    parsed_span(out, json_fields_name(context, pair->key, position), known.type, known.unit, event,
                value);
    if (slice_is(pair->key, "path"))
        out->derive_from = DERIVE_TARGET;
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct slice rest = event;
    struct slice status;
    struct pair pair;
    unsigned count = 0;
    bool has_level = false;

    while (take_pair(&rest, &pair)) {
        if (pair.key.data[0] != '_')
            add_pair(context, event, &pair, count, &has_level, out);
        count++;
    }
    if (count < PAIRS_MIN)
        return STATUS_INVALID;
    if (!has_level && parsed_find(out, FIELD_ID_STATUS, event, &status))
        out->level = (uint8_t)level_of_status(status);
    return STATUS_OK;
}

/* At the very start: `key=value key=`, with one of the usual keys in it. */
static unsigned detect(struct slice line)
{
    struct slice rest = line;
    struct pair first;
    struct pair second;

    if (line.len == 0 || !is_lower(line.data[0]) || !take_pair(&rest, &first) ||
        first.key.data != line.data || !take_pair(&rest, &second))
        return 0;
    if (structured_key_of(first.key).kind != STRUCTURED_VALUE ||
        structured_key_of(second.key).kind != STRUCTURED_VALUE)
        return 70;
    return find_literal(line, " level=") != SIZE_MAX ? 60 : 0;
}

const struct format format_logfmt = {
    .name = "logfmt",
    .names_in_lines = true,
    .fields = "keys that bear our names, the rest as they are",
    .parse = parse,
    .begins = BEGINS_OTHER,
    .detect = detect,
};
