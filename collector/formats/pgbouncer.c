/* collector/formats/pgbouncer.c -- pgbouncer:
 *   YYYY-MM-DD HH:MM:SS.mmm PID LEVEL message            before 1.11
 *   YYYY-MM-DD HH:MM:SS.mmm ZONE [PID] LEVEL message
 * A message about a socket starts `C-0xADDR: db/user@host:port `. */
#include "collector/formats/formats.h"
#include "collector/formats/level_word.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

static bool take_head(const struct format_context *context, struct slice *rest, int64_t *time_ns,
                      struct slice *pid, enum level *level)
{
    struct slice word;

    if (!stamp_shaped(*rest, "0000-00-00 00:00:00.000 "))
        return false;
    if (is_digit(rest->data[24]) ? !stamp_take_local(context, rest, time_ns)
                                 : !stamp_take(context, stamp_parse_iso, rest, time_ns))
        return false;
    if (!take_byte(rest, ' '))
        return false;
    if (!take_bracketed(rest, pid) ? !take_digits(rest, pid) : false)
        return false;
    if (count_digits(*pid) != pid->len || !take_byte(rest, ' ') || !take_word(rest, &word))
        return false;
    *level = level_of_word(word);
    return *level != LEVEL_COUNT && is_upper(word.data[0]);
}

/* `db/user@host:port`: split at the last `@` and the first `/`. (nodb) and (nouser) mean none. */
static void add_socket(struct slice event, struct slice socket, struct parsed_event *out)
{
    size_t at = slice_find_last_byte(socket, '@');
    struct slice login = slice_first(socket, at);
    struct slice host = slice_from(socket, at == SIZE_MAX ? at : at + 1);
    size_t slash = find_byte(login, '/');
    struct slice database = slice_first(login, slash);
    struct slice user = slice_from(login, slash == SIZE_MAX ? slash : slash + 1);

    if (at == SIZE_MAX || slash == SIZE_MAX)
        return;
    if (!slice_is(database, "(nodb)"))
        add_text(out, FIELD_ID_DATABASE, event, database);
    if (!slice_is(user, "(nouser)"))
        add_text(out, FIELD_ID_USER, event, user);
    host = slice_first(host, slice_find_last_byte(host, ':'));
    if (take_byte(&host, '[') && host.len > 0)
        host.len--;
    if (!starts_with(host, "unix"))
        add_address(out, FIELD_ID_CLIENT, event, host);
}

/* `stats: ... xact N us, query N us, ...`: the mean time of a query. */
static void add_stats(struct slice event, struct slice message, struct parsed_event *out)
{
    size_t at = find_literal(message, ", query ");
    struct slice rest;
    struct slice digits;

    if (at == SIZE_MAX)
        return;
    rest = slice_from(message, at + sizeof(", query ") - 1);
    if (take_digits(&rest, &digits))
        add_duration(out, FIELD_ID_DURATION, UNIT_MICROSECONDS, event, digits);
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct slice rest = event;
    struct slice pid;
    struct slice socket;
    enum level level;

    if (!take_head(context, &rest, &out->time_ns, &pid, &level))
        return STATUS_INVALID;
    out->has_time = true;
    out->level = (uint8_t)level;
    add_int(out, FIELD_ID_PID, event, pid);
    if ((starts_with(rest, "C-0x") || starts_with(rest, "S-0x")) &&
        cut(&rest, ' ', &socket) && cut(&rest, ' ', &socket))
        add_socket(event, socket, out);
    else if (starts_with(rest, "stats: ") || starts_with(rest, "Stats: "))
        add_stats(event, rest, out);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    static const struct format_context none = {.settings = NULL};
    struct slice rest = line;
    struct slice pid;
    enum level level;
    int64_t time_ns;

    return take_head(&none, &rest, &time_ns, &pid, &level) && !starts_with(rest, ": ") ? 84 : 0;
}

const struct format format_pgbouncer = {
    .name = "pgbouncer",
    .fields = "pid user database client duration",
    .parse = parse,
    .begins = BEGINS_DIGIT,
    .detect = detect,
};
