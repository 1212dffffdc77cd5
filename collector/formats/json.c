/* collector/formats/json.c -- one JSON object per line; its keys are the fields, nested ones as
 * a.b. */
#include "collector/formats/formats.h"
#include "collector/formats/json_fields.h"
#include "collector/formats/scan.h"
#include "collector/formats/structured.h"

enum { RANK_NONE = 255 };

struct json_parse {
    const struct format_context *context;
    struct slice event;
    struct parsed_event *out;
    unsigned position; /* of the key in the line */
    uint8_t time_rank; /* of the key that gave the time */
    uint8_t level_rank;
};

/* The last of equal keys wins, in the place of the first. */
static void add_or_replace(struct parsed_event *out, field_id field, enum field_type type,
                           enum field_unit unit, struct slice event, struct slice text)
{
    uint32_t count = out->field_count;

    parsed_span(out, field, type, unit, event, text);
    if (out->field_count == count)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (out->fields[i].field == field) {
            out->fields[i] = out->fields[--out->field_count];
            return;
        }
}

/* Time and level are taken from the first-ranked key that has them. True: they are no field. */
static bool take_special(struct json_parse *parse, struct structured_key known, struct slice text)
{
    enum level level;

    if (known.kind == STRUCTURED_TIME) {
        if (known.rank < parse->time_rank &&
            structured_time(parse->context, text, &parse->out->time_ns)) {
            parse->time_rank = known.rank;
            parse->out->has_time = true;
        }
        return true;
    }
    if (known.kind != STRUCTURED_LEVEL)
        return false;
    level = structured_level(text);
    if (known.rank < parse->level_rank && level != LEVEL_COUNT) {
        parse->level_rank = known.rank;
        parse->out->level = (uint8_t)level;
    }
    return true;
}

static enum json_step visit(void *user, struct slice key, const struct json_token *token)
{
    struct json_parse *parse = user;
    struct structured_key known;
    struct slice text;
    enum field_type type;

    if (token->type == JSON_TOKEN_OBJECT_BEGIN || token->type == JSON_TOKEN_NULL || key.len == 0)
        return JSON_STEP_ON;
    known = structured_key_of(key);
    text = json_fields_text(token, parse->context->arena);
    if (take_special(parse, known, text) || key.data[0] == '_' || key.len > 128)
        return JSON_STEP_ON;
    type = known.type;
    if (type == FIELD_TEXT && token->type != JSON_TOKEN_STRING)
        type = structured_type_of(text);
    else if (type == FIELD_TEXT && slice_is(key, "status"))
        type = structured_type_of(text); /* "200" in quotes */
    add_or_replace(parse->out, json_fields_name(parse->context, key, parse->position++), type,
                   known.unit, parse->event, text);
    if (slice_is(key, "path"))
        parse->out->derive_from = DERIVE_TARGET;
    return JSON_STEP_ON;
}

static enum status parse_object(const struct format_context *context, struct slice event,
                                struct parsed_event *out)
{
    struct json_parse parse = {.context = context,
                               .event = event,
                               .out = out,
                               .time_rank = RANK_NONE,
                               .level_rank = RANK_NONE};
    const char *error;
    struct slice status;

    if (!json_fields_walk(event, visit, &parse, &error))
        return STATUS_INVALID;
    if (parse.level_rank == RANK_NONE && parsed_find(out, FIELD_ID_STATUS, event, &status))
        out->level = (uint8_t)level_of_status(status);
    return STATUS_OK;
}

/* Any format that knows its keys is surer. */
static unsigned detect(struct slice line)
{
    return starts_with(line, "{\"") || starts_with(line, "{ \"") ? 50 : 0;
}

const struct format format_json = {
    .name = "json",
    .names_in_lines = true,
    .fields = "keys that bear our names, the rest as they are",
    .parse = parse_object,
    .begins = BEGINS_BRACE,
    .detect = detect,
};
