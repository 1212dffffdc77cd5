/* collector/formats/postgres_json.c -- PostgreSQL's jsonlog (15+), one object per line; also as
 * CloudNativePG wraps it in `record`. */
#include "collector/formats/formats.h"
#include "collector/formats/json_fields.h"
#include "collector/formats/postgres_message.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

enum key {
    KEY_TIMESTAMP,
    KEY_USER,
    KEY_DATABASE,
    KEY_PID,
    KEY_CLIENT,
    KEY_SESSION,
    KEY_SEVERITY,
    KEY_SQLSTATE,
    KEY_MESSAGE,
    KEY_STATEMENT,
    KEY_APP,
    KEY_COUNT
};

static const struct slice plain_keys[KEY_COUNT] = {
    [KEY_TIMESTAMP] = SLICE_INIT("timestamp"),     [KEY_USER] = SLICE_INIT("user"),
    [KEY_DATABASE] = SLICE_INIT("dbname"),         [KEY_PID] = SLICE_INIT("pid"),
    [KEY_CLIENT] = SLICE_INIT("remote_host"),      [KEY_SESSION] = SLICE_INIT("session_id"),
    [KEY_SEVERITY] = SLICE_INIT("error_severity"), [KEY_SQLSTATE] = SLICE_INIT("state_code"),
    [KEY_MESSAGE] = SLICE_INIT("message"),         [KEY_STATEMENT] = SLICE_INIT("statement"),
    [KEY_APP] = SLICE_INIT("application_name"),
};

static const struct slice wrapped_keys[KEY_COUNT] = {
    [KEY_TIMESTAMP] = SLICE_INIT("record.log_time"),
    [KEY_USER] = SLICE_INIT("record.user_name"),
    [KEY_DATABASE] = SLICE_INIT("record.database_name"),
    [KEY_PID] = SLICE_INIT("record.process_id"),
    [KEY_CLIENT] = SLICE_INIT("record.connection_from"),
    [KEY_SESSION] = SLICE_INIT("record.session_id"),
    [KEY_SEVERITY] = SLICE_INIT("record.error_severity"),
    [KEY_SQLSTATE] = SLICE_INIT("record.sql_state_code"),
    [KEY_MESSAGE] = SLICE_INIT("record.message"),
    [KEY_STATEMENT] = SLICE_INIT("record.query"),
    [KEY_APP] = SLICE_INIT("record.application_name"),
};

static bool is_wrapped(struct slice event)
{
    return find_literal(event, "\"record\":{") != SIZE_MAX ||
           find_literal(event, "\"record\": {") != SIZE_MAX;
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    static const enum key needed[] = {KEY_TIMESTAMP, KEY_SEVERITY};
    struct json_token tokens[KEY_COUNT];
    struct slice values[KEY_COUNT];
    uint64_t present;
    bool wrapped = !starts_with(event, "{\"timestamp\"") && is_wrapped(event);
    struct postgres_severity severity;
    struct slice time;

    if (!json_fields_collect(event, wrapped ? wrapped_keys : plain_keys, KEY_COUNT, tokens,
                             &present))
        return STATUS_INVALID;
    for (size_t i = 0; i < COUNT_OF(needed); i++)
        if ((present >> needed[i] & 1) == 0)
            return STATUS_INVALID;
    for (unsigned i = 0; i < KEY_COUNT; i++)
        values[i] = (present >> i & 1) != 0 ? json_fields_text(&tokens[i], context->arena)
                                            : slice_first(event, 0);
    severity = postgres_severity_of(values[KEY_SEVERITY]);
    time = values[KEY_TIMESTAMP];
    if (severity.kind == SEVERITY_UNKNOWN ||
        !stamp_take(context, stamp_parse_iso, &time, &out->time_ns))
        return STATUS_INVALID;
    out->has_time = true;
    out->level = (uint8_t)severity.level;
    add_text(out, FIELD_ID_USER, event, values[KEY_USER]);
    add_text(out, FIELD_ID_DATABASE, event, values[KEY_DATABASE]);
    add_int(out, FIELD_ID_PID, event, values[KEY_PID]);
    if (wrapped) /* host:port */
        values[KEY_CLIENT] =
            slice_first(values[KEY_CLIENT], slice_find_last_byte(values[KEY_CLIENT], ':'));
    add_address(out, FIELD_ID_CLIENT, event, values[KEY_CLIENT]);
    add_text(out, context->extra[EXTRA_SESSION], event, values[KEY_SESSION]);
    add_text(out, FIELD_ID_SQLSTATE, event, values[KEY_SQLSTATE]);
    postgres_message_add(context, event, values[KEY_MESSAGE], values[KEY_STATEMENT], out);
    add_text(out, context->extra[EXTRA_APP], event, values[KEY_APP]);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    if (line.len == 0 || line.data[0] != '{' ||
        find_literal(line, "\"error_severity\":") == SIZE_MAX)
        return 0;
    return 95;
}

const struct format format_postgres_json = {
    .name = "postgres_json",
    .fields = "pid user database client statement fingerprint duration sqlstate session app task "
              "bytes op",
    .has_statements = true,
    .parse = parse,
    .begins = BEGINS_BRACE,
    .detect = detect,
};
