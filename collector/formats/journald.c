/* collector/formats/journald.c -- entries of the systemd journal (systemd's
 * documents "Journal Export Formats" and systemd.journal-fields(7)):
 *   export   KEY=text lines, an empty line behind the entry. A value with newlines or control bytes
 *            is KEY, a newline, 64 bits of length (little-endian), the bytes, a newline.
 *   JSON     one object per line; values that are no UTF-8 are arrays of numbers.
 * The message is read by the format of the program that wrote it, as in syslog. */
#include "collector/formats/formats.h"
#include "collector/formats/json_fields.h"
#include "collector/formats/level_word.h"
#include "collector/formats/scan.h"
#include "collector/formats/syslog.h"

#include "base/byteorder.h"
#include "base/time_stamp.h"

enum key {
    KEY_TIME,
    KEY_SOURCE_TIME,
    KEY_HOST,
    KEY_IDENTIFIER,
    KEY_COMMAND,
    KEY_PID,
    KEY_UNIT,
    KEY_PRIORITY,
    KEY_FACILITY,
    KEY_MESSAGE,
    KEY_COUNT
};

static const struct slice keys[KEY_COUNT] = {
    [KEY_TIME] = SLICE_INIT("__REALTIME_TIMESTAMP"),
    [KEY_SOURCE_TIME] = SLICE_INIT("_SOURCE_REALTIME_TIMESTAMP"),
    [KEY_HOST] = SLICE_INIT("_HOSTNAME"),
    [KEY_IDENTIFIER] = SLICE_INIT("SYSLOG_IDENTIFIER"),
    [KEY_COMMAND] = SLICE_INIT("_COMM"),
    [KEY_PID] = SLICE_INIT("_PID"),
    [KEY_UNIT] = SLICE_INIT("_SYSTEMD_UNIT"),
    [KEY_PRIORITY] = SLICE_INIT("PRIORITY"),
    [KEY_FACILITY] = SLICE_INIT("SYSLOG_FACILITY"),
    [KEY_MESSAGE] = SLICE_INIT("MESSAGE"),
};

static bool is_key(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_upper(text.data[i]) && !is_digit(text.data[i]) && text.data[i] != '_')
            return false;
    return text.len > 0;
}

/* ---- where entries begin ----
 *
 * A binary value may hold empty lines and lines that look like a beginning, and its length may hold
 * a newline: so bytes are counted over the lines. The state is: phase, bytes of the length that
 * were read, and the length so far, or the bytes that are still to come. */

enum phase { PHASE_TEXT, PHASE_LENGTH, PHASE_DATA, PHASE_ENDED };
enum { LENGTH_SIZE = 8, LENGTH_BYTES_USED = 6, COUNT_SHIFT = 48, PHASE_SHIFT = 56 };

struct entry_state {
    enum phase phase;
    unsigned length_read;
    uint64_t value; /* below 2^48 */
};

static struct entry_state state_unpack(uint64_t packed)
{
    return (struct entry_state){.phase = (enum phase)(packed >> PHASE_SHIFT & 3),
                                .length_read = packed >> COUNT_SHIFT & 0xf,
                                .value = packed & ((UINT64_C(1) << COUNT_SHIFT) - 1)};
}

static uint64_t state_pack(const struct entry_state *state)
{
    uint64_t packed = (uint64_t)state->phase << (PHASE_SHIFT - COUNT_SHIFT) | state->length_read;

    return packed * (UINT64_C(1) << COUNT_SHIFT) + state->value;
}

static void feed_length_byte(struct entry_state *state, unsigned char byte)
{
    if (state->length_read < LENGTH_BYTES_USED)
        state->value |= (uint64_t)byte << (8 * state->length_read);
    else if (byte != 0)
        state->value = 0; /* no entry is that long: its data are taken for text */
    if (++state->length_read == LENGTH_SIZE) {
        state->value = (state->value + 1) & ((UINT64_C(1) << COUNT_SHIFT) - 1); /* and a newline */
        state->phase = PHASE_DATA;
    }
}

/* One more line, and the newline behind it. */
static void feed_line(struct entry_state *state, struct slice line)
{
    size_t at = 0;

    if (state->phase == PHASE_TEXT || state->phase == PHASE_ENDED) {
        state->phase = line.len == 0 ? PHASE_ENDED : is_key(line) ? PHASE_LENGTH : PHASE_TEXT;
        state->length_read = 0;
        state->value = 0;
        return;
    }
    for (; at <= line.len && state->phase == PHASE_LENGTH; at++)
        feed_length_byte(state, at < line.len ? (unsigned char)line.data[at] : '\n');
    if (state->phase == PHASE_DATA) {
        size_t left = line.len + 1 - at;

        state->value -= left < state->value ? left : state->value;
        if (state->value == 0)
            state->phase = PHASE_TEXT;
    }
}

static bool is_object(struct slice line)
{
    return starts_with(line, "{") && find_literal(line, "\"__REALTIME_TIMESTAMP\"") != SIZE_MAX;
}

static bool begins(struct slice line, enum phase phase)
{
    struct slice key;

    if (starts_with(line, "__CURSOR=") || is_object(line))
        return true;
    return phase == PHASE_ENDED && cut(&line, '=', &key) && is_key(key);
}

static enum line_kind line_kind(const struct format_context *context, struct slice open,
                                struct slice line)
{
    struct entry_state state = state_unpack(*context->open_state);
    bool between = state.phase == PHASE_TEXT || state.phase == PHASE_ENDED;

    if (open.len == 0 || (between && begins(line, state.phase))) {
        state = (struct entry_state){.phase = PHASE_TEXT};
        if (!begins(line, PHASE_TEXT) && open.len == 0)
            return LINE_UNKNOWN;
        feed_line(&state, line);
        *context->open_state = state_pack(&state);
        return LINE_STARTS;
    }
    if (open.data[0] == '{')
        return LINE_UNKNOWN;
    feed_line(&state, line);
    *context->open_state = state_pack(&state);
    return LINE_CONTINUES;
}

/* ---- values ---- */

static void put_value(struct slice key, struct slice value, struct slice values[KEY_COUNT])
{
    for (unsigned i = 0; i < KEY_COUNT; i++)
        if (slice_equal(keys[i], key) && values[i].len == 0) /* of repeated keys the first */
            values[i] = value;
}

static void read_export(struct slice rest, struct slice values[KEY_COUNT])
{
    while (rest.len > 0) {
        struct slice line = first_line(rest, &rest);
        struct slice key = line;
        uint64_t len;

        if (cut(&line, '=', &key)) {
            put_value(key, line, values);
            continue;
        }
        if (!is_key(key))
            continue;
        if (rest.len < LENGTH_SIZE)
            return;
        len = get_le64(rest.data);
        rest = slice_from(rest, LENGTH_SIZE);
        if (len > rest.len)
            return; /* cut: the event was too long */
        put_value(key, slice_first(rest, (size_t)len), values);
        rest = slice_from(rest, (size_t)len);
        (void)take_byte(&rest, '\n');
    }
}

/* `[72, 105]`: the bytes. */
static struct slice bytes_of(struct slice array, struct arena *arena)
{
    char *bytes = arena_new(arena, char, array.len);
    size_t count = 0;

    for (size_t i = 0; bytes != NULL && i < array.len; i++) {
        struct slice digits = slice_from(array, i);
        uint64_t byte;

        digits = slice_first(digits, count_digits(digits));
        if (digits.len == 0)
            continue;
        if (!slice_to_u64(digits, &byte) || byte > 255)
            return slice_first(array, 0);
        bytes[count++] = (char)(unsigned char)byte;
        i += digits.len;
    }
    return slice_make(bytes, count);
}

static bool read_object(const struct format_context *context, struct slice event,
                        struct slice values[KEY_COUNT])
{
    struct json_token tokens[KEY_COUNT];
    uint64_t present;

    if (!json_fields_collect(event, keys, KEY_COUNT, tokens, &present))
        return false;
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        if ((present >> i & 1) == 0)
            continue;
        if (tokens[i].type == JSON_TOKEN_STRING || tokens[i].type == JSON_TOKEN_NUMBER)
            values[i] = json_fields_text(&tokens[i], context->arena);
        else if (starts_with(tokens[i].text, "["))
            values[i] = bytes_of(tokens[i].text, context->arena);
    }
    return true;
}

/* Microseconds since the epoch. */
static bool take_time(struct slice text, int64_t *out)
{
    uint64_t us;

    if (!slice_to_u64(text, &us) || us > INT64_MAX / NS_PER_US)
        return false;
    *out = (int64_t)us * NS_PER_US;
    return true;
}

static void add_values(const struct format_context *context, struct slice event,
                       const struct slice values[KEY_COUNT], struct parsed_event *out)
{
    struct slice app =
        values[KEY_IDENTIFIER].len > 0 ? values[KEY_IDENTIFIER] : values[KEY_COMMAND];
    uint64_t number;

    if (slice_to_u64(values[KEY_PRIORITY], &number) && number < 8)
        out->level = (uint8_t)level_of_severity((unsigned)number);
    add_text(out, context->extra[EXTRA_HOSTNAME], event, values[KEY_HOST]);
    add_text(out, context->extra[EXTRA_APP], event, app);
    add_text(out, context->extra[EXTRA_PROGRAM], event, values[KEY_UNIT]);
    add_int(out, FIELD_ID_PID, event, values[KEY_PID]);
    if (slice_to_u64(values[KEY_FACILITY], &number) && number < 256)
        parsed_text(out, context->extra[EXTRA_FACILITY], FIELD_TEXT,
                    syslog_facility_name((unsigned)number));
    /* A service's identifier is often its interpreter: then the unit names it. */
    if (!syslog_message_add(context, event, app, values[KEY_MESSAGE], out))
        (void)syslog_message_add(context, event, values[KEY_UNIT], values[KEY_MESSAGE], out);
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct slice values[KEY_COUNT];
    bool object = starts_with(event, "{");

    for (unsigned i = 0; i < KEY_COUNT; i++)
        values[i] = slice_first(event, 0);
    if (object ? !read_object(context, event, values) : !starts_with(event, "_"))
        return STATUS_INVALID;
    if (!object)
        read_export(event, values);
    out->has_time = take_time(values[KEY_SOURCE_TIME], &out->time_ns) ||
                    take_time(values[KEY_TIME], &out->time_ns);
    if (!out->has_time)
        return STATUS_INVALID;
    add_values(context, event, values, out);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    return starts_with(line, "__CURSOR=") || is_object(line) ? 96 : 0;
}

static enum status compile(const struct format_settings *settings, struct arena *arena,
                           const void **out, struct error *err)
{
    return format_syslog.compile(settings, arena, out, err);
}

const struct format format_journald = {
    .name = "journald",
    .fields = "hostname app program pid facility, and those of the inner format",
    .multi_line = true,
    .line_kind = line_kind,
    .parse = parse,
    .begins = BEGINS_BRACE | BEGINS_OTHER,
    .detect = detect,
    .compile = compile,
};
