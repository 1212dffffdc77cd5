/* collector/formats/haproxy_notice.c -- what HAProxy says of itself:
 *   client:port [time] frontend/bind: SSL handshake failure
 *   Connect from client:port to address:port (frontend/HTTP)
 *   Server backend/server is DOWN, reason: Layer4 timeout, check duration: 2001ms. ...
 *   backend NAME has no server available!    Proxy NAME started.
 * Only the first has a time; the others come through syslog. Levels are those at which HAProxy
 * sends them. */
#include "collector/formats/haproxy_notice.h"

#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

/* `address:port`: IPv6 may hold colons, the last is the port's. */
static bool split_port(struct slice word, struct slice *address)
{
    size_t colon = slice_find_last_byte(word, ':');

    if (colon == SIZE_MAX || colon == 0 || count_digits(slice_from(word, colon + 1)) == 0)
        return false;
    *address = slice_first(word, colon);
    return true;
}

/* `client:port [time] frontend/bind: what failed`. */
static bool parse_error(const struct format_context *context, struct slice event,
                        struct parsed_event *out)
{
    struct slice rest = event;
    struct slice word;
    struct slice client;
    int64_t time_ns;

    (void)take_byte(&rest, ' ');
    if (!take_word(&rest, &word) || !split_port(word, &client) || !take_byte(&rest, '[') ||
        !stamp_take(context, stamp_parse_clf, &rest, &time_ns) || !take_literal(&rest, "] ") ||
        !take_word(&rest, &word) || !ends_with(word, ":") || rest.len == 0 ||
        find_byte(word, '/') == SIZE_MAX)
        return false;
    out->time_ns = time_ns;
    out->has_time = true;
    out->level = LEVEL_WARNING;
    add_address(out, FIELD_ID_CLIENT, event, client);
    return true;
}

static bool parse_connect(struct slice event, struct slice rest, struct parsed_event *out)
{
    struct slice word;
    struct slice client;

    if (!take_literal(&rest, "Connect from ") || !take_word(&rest, &word) ||
        !split_port(word, &client) || !starts_with(rest, "to "))
        return false;
    add_address(out, FIELD_ID_CLIENT, event, client);
    return true;
}

/* `Server backend/server is UP, ...`; `is going DOWN for maintenance`. */
static bool parse_server(const struct format_context *context, struct slice event,
                         struct slice rest, struct parsed_event *out)
{
    struct slice name;
    struct slice backend;
    size_t check;

    if (!take_literal(&rest, "Server ") || !take_word(&rest, &name) ||
        !cut(&name, '/', &backend) || !take_literal(&rest, "is "))
        return false;
    (void)take_literal(&rest, "going ");
    if (starts_with(rest, "DOWN"))
        out->level = LEVEL_ALERT;
    else if (starts_with(rest, "UP") || starts_with(rest, "READY"))
        out->level = LEVEL_NOTICE;
    else
        return false;
    add_text(out, context->extra[EXTRA_BACKEND], event, backend);
    add_text(out, context->extra[EXTRA_SERVER], event, name);
    check = find_literal(rest, "check duration: ");
    if (check == SIZE_MAX)
        return true;
    rest = slice_from(rest, check + sizeof("check duration: ") - 1);
    check = count_digits(rest);
    if (starts_with(slice_from(rest, check), "ms"))
        add_duration(out, FIELD_ID_DURATION, UNIT_MILLISECONDS, event, slice_first(rest, check));
    return true;
}

/* `backend NAME has no server available!`, `Proxy NAME started.`, `Proxy NAME stopped (...)`. */
static bool parse_proxy(const struct format_context *context, struct slice event, struct slice rest,
                        struct parsed_event *out)
{
    struct slice name;
    bool proxy = take_literal(&rest, "Proxy ") || take_literal(&rest, "proxy ");

    if (!proxy && !take_literal(&rest, "backend "))
        return false;
    if (!take_word(&rest, &name))
        return false;
    if (starts_with(rest, "has no server available!"))
        out->level = LEVEL_EMERG;
    else if (proxy && starts_with(rest, "started."))
        out->level = LEVEL_NOTICE;
    else if (proxy && (starts_with(rest, "stopped (") || starts_with(rest, "stopped.")))
        out->level = LEVEL_WARNING;
    else
        return false;
    add_text(out, context->extra[EXTRA_BACKEND], event, name);
    return true;
}

bool haproxy_notice_parse(const struct format_context *context, struct slice event,
                          struct parsed_event *out)
{
    struct slice rest = event;

    (void)take_byte(&rest, ' ');
    return parse_error(context, event, out) || parse_connect(event, rest, out) ||
           parse_server(context, event, rest, out) || parse_proxy(context, event, rest, out);
}

unsigned haproxy_notice_detect(struct slice line)
{
    (void)take_byte(&line, ' ');
    if (starts_with(line, "Connect from "))
        return find_literal(line, " to ") != SIZE_MAX ? 80 : 0;
    if (starts_with(line, "Server "))
        return find_literal(line, "/") != SIZE_MAX && find_literal(line, " is ") != SIZE_MAX ? 70
                                                                                             : 0;
    if (starts_with(line, "backend "))
        return find_literal(line, " has no server available!") != SIZE_MAX ? 85 : 0;
    if (!starts_with(line, "Proxy ") && !starts_with(line, "proxy "))
        return 0;
    return find_literal(line, " started.") != SIZE_MAX ||
                   find_literal(line, " stopped") != SIZE_MAX ||
                   find_literal(line, " has no server available!") != SIZE_MAX
               ? 70
               : 0;
}
