/* collector/formats/formplayer_bodies.c -- formplayer's record of requests and answers, an object
 * per line. Its bodies are health data: they stay in the line, no field
 * repeats them, and the shipper should redact them. */
#include "collector/formats/formats.h"
#include "collector/formats/json_fields.h"
#include "collector/formats/request_line.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

enum key { KEY_CLIENT, KEY_USER, KEY_TENANT, KEY_URL, KEY_TIME, KEY_STATUS, KEY_COUNT };

static const struct slice keys[KEY_COUNT] = {
    [KEY_CLIENT] = SLICE_INIT("sourceIpAddr"), [KEY_USER] = SLICE_INIT("username"),
    [KEY_TENANT] = SLICE_INIT("projectSpace"), [KEY_URL] = SLICE_INIT("requestUrl"),
    [KEY_TIME] = SLICE_INIT("date"),           [KEY_STATUS] = SLICE_INIT("responseCode"),
};

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct json_token tokens[KEY_COUNT];
    struct slice values[KEY_COUNT];
    struct slice path;
    struct slice params;
    uint64_t present;

    if (!json_fields_collect(event, keys, KEY_COUNT, tokens, &present) ||
        (present >> KEY_URL & 1) == 0)
        return STATUS_INVALID;
    for (unsigned i = 0; i < KEY_COUNT; i++)
        values[i] = (present >> i & 1) != 0 ? json_fields_text(&tokens[i], context->arena)
                                            : slice_first(event, 0);
    out->has_time = stamp_take(context, stamp_parse_iso, &values[KEY_TIME], &out->time_ns);
    out->level = (uint8_t)level_of_status(values[KEY_STATUS]);
    out->derive_from = DERIVE_PATH;
    add_address(out, FIELD_ID_CLIENT, event, values[KEY_CLIENT]);
    add_text(out, FIELD_ID_USER, event, values[KEY_USER]);
    add_text(out, FIELD_ID_TENANT, event, values[KEY_TENANT]);
    request_target_split(values[KEY_URL], &path, &params);
    add_text(out, FIELD_ID_PATH, event, path);
    add_int(out, FIELD_ID_STATUS, event, values[KEY_STATUS]);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    return starts_with(line, "{") && find_literal(line, "\"requestUrl\":") != SIZE_MAX &&
                   find_literal(line, "\"projectSpace\":") != SIZE_MAX
               ? 94
               : 0;
}

const struct format format_formplayer_bodies = {
    .name = "formplayer_bodies",
    .fields = "client user tenant path url_group status",
    .parse = parse,
    .begins = BEGINS_BRACE,
    .detect = detect,
};
