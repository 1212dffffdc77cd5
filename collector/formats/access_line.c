/* collector/formats/access_line.c -- the fields in front hold no quotes and the time stands in
 * brackets, so the line is read from the left; only quoted values need care (see quoting). */
#include "collector/formats/access_line.h"

#include "collector/formats/request_line.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

static bool followed_by(struct slice behind, char follow)
{
    if (behind.len == 0)
        return follow != '0';
    if (behind.data[0] != ' ' && behind.data[0] != '"')
        return false;
    if (follow == 0)
        return true;
    if (behind.len < 2 || behind.data[0] != ' ')
        return false;
    return behind.data[1] == follow ||
           (follow == '0' && (is_digit(behind.data[1]) || behind.data[1] == '-'));
}

static bool is_escaped(struct slice text, size_t quote, enum quoting quoting)
{
    size_t backslashes = 0;

    while (backslashes < quote && text.data[quote - 1 - backslashes] == '\\')
        backslashes++;
    return quoting == QUOTING_BACKSLASH ? backslashes % 2 == 1 : backslashes > 0;
}

bool access_take_quoted(struct slice *rest, enum quoting quoting, char follow, struct slice *out)
{
    size_t second_choice = SIZE_MAX; /* an escaped quote after which the line goes on as it must */
    size_t from = 0;

    for (;;) {
        size_t quote = find_byte(slice_from(*rest, from), '"');
        bool escaped;

        if (quote == SIZE_MAX)
            break;
        quote += from;
        from = quote + 1;
        escaped = quoting != QUOTING_HEX && is_escaped(*rest, quote, quoting);
        if (!followed_by(slice_from(*rest, quote + 1), follow))
            continue;
        if (escaped) {
            if (second_choice == SIZE_MAX)
                second_choice = quote;
            continue;
        }
        second_choice = quote;
        break;
    }
    if (second_choice == SIZE_MAX)
        return false;
    *out = slice_first(*rest, second_choice);
    *rest = slice_from(*rest, second_choice + 1);
    return true;
}

/* `host ident user [`: the user may hold blanks, and a unix socket leaves the host out. */
static bool take_head(const struct format_context *context, struct slice *rest,
                      struct access_line *out)
{
    struct slice at = *rest;
    struct slice head;
    size_t bracket = find_by(at, SLICE_LITERAL(" ["), 1);

    if (bracket == SIZE_MAX || bracket > 1024)
        return false;
    head = slice_first(at, bracket);
    at = slice_from(at, bracket + 2);
    if (!stamp_take(context, stamp_parse_clf, &at, &out->time_ns) || !take_literal(&at, "] "))
        return false;
    if (head.len > 0 && head.data[0] == ' ') {
        skip_blanks(&head);
        out->host = slice_first(head, 0);
    } else if (!cut(&head, ' ', &out->host)) {
        return false;
    }
    if (!cut(&head, ' ', &out->user)) /* ident */
        return false;
    out->user = head;
    *rest = at;
    return true;
}

/* `status bytes`; older gunicorn prints the reason too: `200 OK 118`. */
static bool take_status(struct slice line, struct slice *rest, struct access_line *out)
{
    struct slice at = *rest;
    struct slice word;

    if (!take_word(&at, &out->status) || out->status.len != 3)
        return false;
    if (count_digits(out->status) != 3 && !slice_is(out->status, "---"))
        return false;
    while (take_word(&at, &word))
        if (all_digits(line, word) || slice_is(word, "-") || slice_is(word, "None")) {
            out->bytes = word;
            *rest = at;
            return true;
        }
    *rest = at;
    return true;
}

bool access_line_split(const struct format_context *context, struct slice line,
                       enum quoting quoting, struct access_line *out)
{
    struct slice rest = line;

    *out = (struct access_line){.status = slice_first(line, 0)};
    if (!take_head(context, &rest, out) || !take_byte(&rest, '"'))
        return false;
    if (!access_take_quoted(&rest, quoting, '0', &out->request)) {
        out->request = rest;
        out->cut = true;
        return true;
    }
    skip_blanks(&rest);
    if (!take_status(line, &rest, out))
        return false;
    out->tail = rest;
    if (!take_byte(&rest, '"') || !access_take_quoted(&rest, quoting, '"', &out->referer))
        return true;
    skip_blanks(&rest);
    if (take_byte(&rest, '"') && access_take_quoted(&rest, quoting, 0, &out->agent))
        skip_blanks(&rest);
    out->tail = rest;
    return true;
}

static bool is_private(struct slice address)
{
    static const struct slice prefixes[] = {
        SLICE_INIT("10."),      SLICE_INIT("192.168."), SLICE_INIT("127."),
        SLICE_INIT("169.254."), SLICE_INIT("::1"),      SLICE_INIT("fc"),
        SLICE_INIT("fd"),       SLICE_INIT("fe80:"),    SLICE_INIT("unknown"),
    };
    uint64_t second;
    struct slice rest = address;
    struct slice digits;

    if (address.len == 0 || (is_digit(address.data[0]) && address.data[0] != '1'))
        return false; /* of what follows only names and 1xx are left */
    for (size_t i = 0; i < COUNT_OF(prefixes); i++)
        if (address.data[0] == prefixes[i].data[0] && slice_starts(address, prefixes[i]))
            return true;
    if (take_literal(&rest, "172.") && take_digits(&rest, &digits) && slice_to_u64(digits, &second))
        return second >= 16 && second <= 31;
    if (take_literal(&rest, "100.") && take_digits(&rest, &digits) && slice_to_u64(digits, &second))
        return second >= 64 && second <= 127; /* shared address space, RFC 6598 */
    return false;
}

struct slice access_public_address(struct slice list)
{
    while (list.len > 0) {
        struct slice item = list;

        if (cut(&list, ',', &item) == false)
            list = slice_from(list, list.len);
        if (item.len > 0 && (item.data[0] <= ' ' || item.data[item.len - 1] <= ' '))
            item = slice_trim(item);
        if (item.len > 1 && (is_digit(item.data[0]) || find_byte(item, ':') != SIZE_MAX) &&
            !is_private(item))
            return item;
    }
    return slice_first(list, 0);
}

void access_add_client(const struct format_context *context, struct slice event, struct slice host,
                       struct slice forwarded, struct parsed_event *out)
{
    struct slice client = access_public_address(forwarded);

    if (client.len == 0) {
        add_address(out, FIELD_ID_CLIENT, event, host);
        return;
    }
    add_address(out, FIELD_ID_CLIENT, event, client);
    add_address(out, context->extra[EXTRA_PEER], event, host);
}

void access_line_add_forwarded(const struct format_context *context, struct slice event,
                               const struct access_line *line, struct slice forwarded,
                               struct parsed_event *out)
{
    out->time_ns = line->time_ns;
    out->has_time = true;
    out->level = (uint8_t)level_of_status(line->status);
    access_add_client(context, event, line->host, forwarded, out);
    add_text(out, FIELD_ID_USER, event, line->user);
    request_line_add(context, event, line->request, out);
    add_int(out, FIELD_ID_STATUS, event, line->status);
    add_bytes(out, FIELD_ID_BYTES, event, line->bytes);
    add_text(out, FIELD_ID_REFERER, event, line->referer);
    add_text(out, FIELD_ID_AGENT, event, line->agent);
}

void access_line_add(const struct format_context *context, struct slice event,
                     const struct access_line *line, struct parsed_event *out)
{
    access_line_add_forwarded(context, event, line, (struct slice){NULL, 0}, out);
}

unsigned access_line_detect(struct slice line)
{
    size_t bracket = slice_find(slice_first(line, 512), SLICE_LITERAL(" ["));

    if (bracket == SIZE_MAX)
        return 0;
    return stamp_shaped(slice_from(line, bracket + 2), "00/###/0000:00:00:00") ? 60 : 0;
}
