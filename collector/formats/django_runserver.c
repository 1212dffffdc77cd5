/* collector/formats/django_runserver.c -- Django's development server:
 *   [dd/Mon/yyyy HH:MM:SS] "GET /a/x/ HTTP/1.1" 200 1234 */
#include "collector/formats/access_line.h"
#include "collector/formats/formats.h"
#include "collector/formats/request_line.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct slice rest = event;
    struct slice request;
    struct slice status;

    if (!take_byte(&rest, '[') || !stamp_take(context, stamp_parse_clf, &rest, &out->time_ns) ||
        !take_literal(&rest, "] \"") || !access_take_quoted(&rest, QUOTING_LOOSE, '0', &request) ||
        !take_byte(&rest, ' ') || !take_word(&rest, &status) || count_digits(status) != 3)
        return STATUS_INVALID;
    out->has_time = true;
    out->level = (uint8_t)level_of_status(status);
    request_line_add(context, event, request, out);
    add_int(out, FIELD_ID_STATUS, event, status);
    add_bytes(out, FIELD_ID_BYTES, event, rest);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    return stamp_shaped(line, "[00/###/0000 00:00:00] \"") ? 95 : 0;
}

const struct format format_django_runserver = {
    .name = "django_runserver",
    .fields = "method path params url_group status bytes tenant",
    .parse = parse,
    .begins = BEGINS_BRACKET,
    .detect = detect,
};
