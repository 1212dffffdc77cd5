/* collector/formats/memcached.c -- memcached -v to -vvv, and its watch streams:
 *   <28 get session:1                     a command, and with > what is answered
 *   >28 sending key session:1             >28 END    >28 STORED
 *   > NOT FOUND key    > FOUND KEY key    28: going from conn_read to conn_write
 *   slab class   1: chunk size  96 perslab 10922
 *   ts=1775121611.42 gid=3 type=item_get key=session%3A1 status=found clsid=1 cfd=28 size=90
 * Only watch streams have a time; its microseconds are not padded, .42 is 42 of them. */
#include "collector/formats/formats.h"
#include "collector/formats/scan.h"

#include "base/time_stamp.h"

enum { US_DIGITS_MAX = 6 };

struct memcached_line {
    struct slice fd, method, key, status;
};

/* ---- -v ---- */

/* `<28 get key 0 0 5`, `<28 new auto-negotiating client connection`. */
static void split_command(struct slice rest, struct memcached_line *out)
{
    static const char *const sentences[] = {"new ", "connection closed", "Binary ",
                                            "server listening", "send buffer"};

    for (size_t i = 0; i < COUNT_OF(sentences); i++)
        if (slice_starts(rest, slice_of(sentences[i])))
            return;
    if (take_word(&rest, &out->method))
        (void)take_word(&rest, &out->key);
}

/* `>28 sending key K`, `>28 END`, `>28 SERVER_ERROR out of memory`. */
static void split_answer(struct slice rest, struct memcached_line *out)
{
    if (take_literal(&rest, "sending key "))
        (void)take_word(&rest, &out->key);
    else
        (void)take_word(&rest, &out->status);
}

static bool split_verbose(struct slice line, struct memcached_line *out)
{
    struct slice rest = line;

    if (take_literal(&rest, "> NOT FOUND ") || take_literal(&rest, "> FOUND KEY ")) {
        out->status = line.data[2] == 'N' ? slice_sub(line, 2, 9) : slice_sub(line, 2, 5);
        out->key = rest;
        return true;
    }
    if (take_byte(&rest, '<') || take_byte(&rest, '>')) {
        if (!take_digits(&rest, &out->fd) || !take_byte(&rest, ' '))
            return false;
        if (line.data[0] == '<')
            split_command(rest, out);
        else
            split_answer(rest, out);
        return true;
    }
    if (take_digits(&rest, &out->fd) && take_literal(&rest, ": "))
        return starts_with(rest, "going from conn_") || starts_with(rest, "Client using the ");
    return starts_with(line, "slab class ") && find_literal(line, ": chunk size ") != SIZE_MAX;
}

/* ---- watch ---- */

/* ` key=value` of a watch line; values are URI-encoded, so none holds a blank. */
static struct slice value_of(struct slice line, struct slice key)
{
    size_t at = slice_find(line, key);

    if (at == SIZE_MAX)
        return slice_first(line, 0);
    line = slice_from(line, at + key.len);
    return slice_first(line, find_byte(line, ' '));
}

static bool is_watch(struct slice line)
{
    return starts_with(line, "ts=") && find_literal(slice_first(line, 48), " gid=") != SIZE_MAX &&
           find_literal(slice_first(line, 80), " type=") != SIZE_MAX;
}

static bool take_watch_time(struct slice line, int64_t *out)
{
    struct slice rest = slice_from(line, 3);
    struct slice whole;
    struct slice part;
    uint64_t seconds;
    uint64_t us;

    if (!take_digits(&rest, &whole) || !take_byte(&rest, '.') || !take_digits(&rest, &part) ||
        part.len > US_DIGITS_MAX || !slice_to_u64(whole, &seconds) || !slice_to_u64(part, &us) ||
        seconds > INT64_MAX / NS_PER_SECOND - 1)
        return false;
    *out = (int64_t)seconds * NS_PER_SECOND + (int64_t)us * NS_PER_US;
    return true;
}

static void parse_watch(const struct format_context *context, struct slice event,
                        struct parsed_event *out)
{
    out->has_time = take_watch_time(event, &out->time_ns);
    add_text(out, FIELD_ID_METHOD, event, value_of(event, SLICE_LITERAL(" type=")));
    add_text(out, FIELD_ID_PATH, event, value_of(event, SLICE_LITERAL(" key=")));
    add_text(out, FIELD_ID_STATUS, event, value_of(event, SLICE_LITERAL(" status=")));
    add_int(out, context->extra[EXTRA_FD], event, value_of(event, SLICE_LITERAL(" cfd=")));
    add_bytes(out, FIELD_ID_BYTES, event, value_of(event, SLICE_LITERAL(" size=")));
}

/* ---- both ---- */

static bool is_complaint(struct slice line)
{
    static const char *const words[] = {"Failed", "failed", "Can't", "ERROR",
                                        "Too many open connections"};

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (slice_find(line, slice_of(words[i])) != SIZE_MAX)
            return true;
    return false;
}

static bool is_sentence(struct slice line)
{
    return starts_with(line, "Failed to ") || starts_with(line, "Can't ") ||
           starts_with(line, "Too many open connections") || starts_with(line, "[restart]") ||
           starts_with(line, "skipped=");
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct slice none = slice_first(event, 0);
    struct memcached_line line = {none, none, none, none};

    if (is_watch(event)) {
        parse_watch(context, event, out);
        return STATUS_OK;
    }
    if (!split_verbose(event, &line) && !is_sentence(event))
        return STATUS_INVALID;
    /* A key is the user's text: only what the server says counts. */
    if (line.key.len == 0 && line.method.len == 0 && is_complaint(event))
        out->level = LEVEL_ERROR;
    else if (starts_with(event, "[restart]") || starts_with(event, "skipped="))
        out->level = LEVEL_NOTICE;
    else
        out->level = LEVEL_DEBUG;
    add_int(out, context->extra[EXTRA_FD], event, line.fd);
    add_text(out, FIELD_ID_METHOD, event, line.method);
    add_text(out, FIELD_ID_PATH, event, line.key);
    add_text(out, FIELD_ID_STATUS, event, line.status);
    return STATUS_OK;
}

/* Short lines of few signs: without the file's name only watch streams are sure. */
static unsigned detect(struct slice line)
{
    struct slice none = slice_first(line, 0);
    struct memcached_line head = {none, none, none, none};

    if (is_watch(line))
        return 90;
    if (!split_verbose(line, &head))
        return 0;
    return head.method.len > 0 && !is_lower(head.method.data[0]) ? 0 : 60;
}

const struct format format_memcached = {
    .name = "memcached",
    .fields = "fd method path status bytes",
    .parse = parse,
    .begins = BEGINS_DIGIT | BEGINS_OTHER,
    .detect = detect,
};
