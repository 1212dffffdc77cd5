/* query/operators/unpack_syslog.c -- a syslog message as fields: RFC 5424 (section 6), and what RFC 3164
 * (section 4) found in the wild, also without its <PRI>, as it stands in files. Read as a whole first:
 * a text that is neither gives no field. */
#include "query/operators/unpack.h"

enum { PRIORITY_MAX = 191 /* RFC 5424, 6.2.1 */, TAG_SIZE_MAX = 48 /* of an app name */ };

struct syslog {
    bool has_priority;
    unsigned priority;
    struct slice timestamp, hostname, app_name, proc_id, msg_id, data, message;
};

/* ---- pieces ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "<191>" */
static bool take_priority(struct slice *rest, struct syslog *out)
{
    size_t at = 1;

    while (at < rest->len && at <= 3 && is_digit(rest->data[at]))
        out->priority = out->priority * 10 + (unsigned)(rest->data[at++] - '0');
    if (at == 1 || at == rest->len || rest->data[at] != '>' || out->priority > PRIORITY_MAX)
        return false;
    out->has_priority = true;
    *rest = slice_from(*rest, at + 1);
    return true;
}

/* Up to a space, which goes too; false: there is none, or nothing before it. */
static bool take_token(struct slice *rest, struct slice *out)
{
    return slice_cut(rest, ' ', out) && out->len > 0;
}

static struct slice not_nil(struct slice token)
{
    return slice_is(token, "-") ? (struct slice){NULL, 0} : token;
}

/* name="value" behind a space, \" \\ \] stay as they are. False: it is none. */
static bool take_param(struct slice *rest, struct slice *name, struct slice *value)
{
    size_t at = 1, end;

    while (at < rest->len && rest->data[at] != '=' && rest->data[at] != ']' &&
           rest->data[at] != ' ' && rest->data[at] != '"')
        at++;
    if (rest->data[0] != ' ' || at == 1 || at + 1 >= rest->len || rest->data[at] != '=' ||
        rest->data[at + 1] != '"')
        return false;
    *name = slice_sub(*rest, 1, at - 1);
    for (end = at + 2; end < rest->len && rest->data[end] != '"'; end++)
        end += rest->data[end] == '\\';
    if (end >= rest->len)
        return false;
    *value = slice_sub(*rest, at + 2, end - at - 2);
    *rest = slice_from(*rest, end + 1);
    return true;
}

/* "[id": eaten, without the bracket in `id`. */
static bool take_element(struct slice *rest, struct slice *id)
{
    size_t end = 1;

    while (end < rest->len && rest->data[end] != ' ' && rest->data[end] != ']')
        end++;
    if (rest->len == 0 || rest->data[0] != '[' || end == 1 || end == rest->len)
        return false;
    *id = slice_sub(*rest, 1, end - 1);
    *rest = slice_from(*rest, end);
    return true;
}

/* STRUCTURED-DATA as a whole (6.3), to `out`; "-" is none. */
static bool take_data(struct slice *rest, struct slice *out)
{
    struct slice begin = *rest, id, name, value;

    if (rest->len > 0 && rest->data[0] == '-') {
        *rest = slice_from(*rest, 1);
        return true;
    }
    while (take_element(rest, &id)) {
        while (rest->len > 0 && rest->data[0] == ' ')
            if (!take_param(rest, &name, &value))
                return false;
        if (rest->len == 0 || rest->data[0] != ']')
            return false;
        *rest = slice_from(*rest, 1);
    }
    *out = slice_first(begin, begin.len - rest->len);
    return out->len > 0;
}

/* ---- the two forms ---- */

static bool read_5424(struct slice rest, struct syslog *out)
{
    struct slice *const tokens[] = {&out->timestamp, &out->hostname, &out->app_name, &out->proc_id,
                                    &out->msg_id};

    for (size_t i = 0; i < COUNT_OF(tokens); i++) {
        if (!take_token(&rest, tokens[i]))
            return false;
        *tokens[i] = not_nil(*tokens[i]);
    }
    if (!take_data(&rest, &out->data) || (rest.len > 0 && rest.data[0] != ' '))
        return false;
    out->message = slice_from(rest, rest.len > 0);
    if (slice_starts(out->message, SLICE_LITERAL("\xef\xbb\xbf"))) /* 6.4: it is UTF-8 */
        out->message = slice_from(out->message, 3);
    return true;
}

/* "Mar  2 14:05:09 ", or a stamp of ISO 8601, as newer programs write. */
static bool take_timestamp(struct slice *rest, struct slice *out)
{
    if (rest->len > 10 && is_digit(rest->data[0]) && rest->data[4] == '-' && rest->data[10] == 'T')
        return take_token(rest, out);
    if (rest->len < 16 || rest->data[3] != ' ' || rest->data[6] != ' ' || rest->data[9] != ':' ||
        rest->data[12] != ':' || rest->data[15] != ' ' || !is_digit(rest->data[5]) ||
        !is_digit(rest->data[7]) || !is_digit(rest->data[14]))
        return false;
    *out = slice_first(*rest, 15);
    *rest = slice_from(*rest, 16);
    return true;
}

/* "sshd[811]: " in front of the message; a message may have none. */
static void take_tag(struct slice *rest, struct syslog *out)
{
    struct slice text = *rest;
    size_t end = 0, close;

    while (end < text.len && end <= TAG_SIZE_MAX && text.data[end] != '[' &&
           text.data[end] != ':' && text.data[end] != ' ')
        end++;
    if (end == 0 || end == text.len || end > TAG_SIZE_MAX || text.data[end] == ' ')
        return;
    close = end;
    if (text.data[end] == '[') {
        close = slice_find_byte(text, ']');
        if (close == SIZE_MAX || close + 1 == text.len || text.data[close + 1] != ':')
            return;
        out->proc_id = slice_sub(text, end + 1, close - end - 1);
        close++;
    }
    out->app_name = slice_first(text, end);
    *rest = slice_from(text, close + 1);
    if (rest->len > 0 && rest->data[0] == ' ')
        *rest = slice_from(*rest, 1);
}

static bool read_3164(struct slice rest, struct syslog *out)
{
    if (!take_timestamp(&rest, &out->timestamp) || !take_token(&rest, &out->hostname))
        return false;
    take_tag(&rest, out);
    out->message = rest;
    return true;
}

static bool read_message(struct slice text, struct syslog *out)
{
    *out = (struct syslog){0};
    if (text.len > 0 && text.data[0] == '<' && !take_priority(&text, out))
        return false;
    if (out->has_priority && slice_starts(text, SLICE_LITERAL("1 ")))
        return read_5424(slice_from(text, 2), out);
    return read_3164(text, out);
}

/* ---- its fields ---- */

/* RFC 5424, table 1 and 2; levels by the names that we give them. */
static const char *const facilities[] = {
    "kern",   "user",   "mail",   "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",  "ntp",    "audit",  "alert",  "clock",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"};
static const char *const levels[] = {"emerg",   "alert",  "crit", "error",
                                     "warning", "notice", "info", "debug"};

struct target {
    struct unpack_operator *op;
    struct view *view;
    uint32_t row;
    size_t prefix;
    struct error *err;
};

/* A value that is not there is none; a name that is too long is left out. */
static enum status set(const struct target *to, struct slice group, struct slice name,
                       struct slice value)
{
    struct buf *full = &to->op->name;
    enum status status = STATUS_OK;

    full->len = to->prefix;
    if (value.data != NULL && (value.len > 0 || group.len > 0) &&
        (group.len == 0 || (buf_append_slice(full, group) && buf_append_byte(full, '.'))) &&
        buf_append_slice(full, name))
        status = unpack_set(to->op, to->view, to->row, value, to->err);
    full->failed = false;
    full->len = to->prefix;
    return status;
}

static enum status set_number(const struct target *to, const char *name, unsigned value)
{
    char text[12];
    size_t length = 0;

    for (unsigned ten = value < 10 ? 1 : value < 100 ? 10 : 100; ten > 0; ten /= 10)
        text[length++] = (char)('0' + value / ten % 10);
    return set(to, (struct slice){NULL, 0}, slice_of(name), slice_make(text, length));
}

static enum status set_priority(const struct target *to, unsigned priority)
{
    static const struct slice none = {NULL, 0};
    enum status status = set_number(to, "priority", priority);

    if (status == STATUS_OK)
        status = set_number(to, "facility", priority / 8);
    if (status == STATUS_OK)
        status = set(to, none, SLICE_LITERAL("facility_keyword"),
                     slice_of(facilities[priority / 8]));
    if (status == STATUS_OK)
        status = set_number(to, "severity", priority % 8);
    return status == STATUS_OK
               ? set(to, none, SLICE_LITERAL("level"), slice_of(levels[priority % 8]))
               : status;
}

/* Without the backslash before ", \ and ] (6.3.3); any other stays. */
static enum status set_param(const struct target *to, struct slice id, struct slice name,
                             struct slice value)
{
    char *plain = arena_new(view_arena(to->view), char, value.len + 1);
    size_t length = 0;

    if (plain == NULL)
        return memory_exceeded(&to->op->base.run->memory, to->err);
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] == '\\' && i + 1 < value.len &&
            (value.data[i + 1] == '"' || value.data[i + 1] == '\\' || value.data[i + 1] == ']'))
            i++;
        plain[length++] = value.data[i];
    }
    return set(to, id, name, slice_make(plain, length));
}

static enum status set_data(const struct target *to, struct slice data)
{
    struct slice id, name, value;
    enum status status = STATUS_OK;

    while (status == STATUS_OK && take_element(&data, &id)) {
        while (status == STATUS_OK && data.data[0] == ' ' && take_param(&data, &name, &value))
            status = set_param(to, id, name, value);
        data = slice_from(data, 1);
    }
    return status;
}

enum status unpack_syslog(struct unpack_operator *op, struct view *view, uint32_t row,
                          struct slice text, struct error *err)
{
    const struct target to = {op, view, row, op->name.len, err};
    struct syslog syslog;
    const struct {
        const char *name;
        const struct slice *value;
    } values[] = {
        {"timestamp", &syslog.timestamp}, {"hostname", &syslog.hostname},
        {"app_name", &syslog.app_name},   {"proc_id", &syslog.proc_id},
        {"msg_id", &syslog.msg_id},       {"message", &syslog.message},
    };
    enum status status = STATUS_OK;

    if (!read_message(text, &syslog))
        return STATUS_OK;
    if (syslog.has_priority)
        status = set_priority(&to, syslog.priority);
    for (size_t i = 0; i < COUNT_OF(values) && status == STATUS_OK; i++)
        status = set(&to, (struct slice){NULL, 0}, slice_of(values[i].name), *values[i].value);
    return status == STATUS_OK ? set_data(&to, syslog.data) : status;
}
