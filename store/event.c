/* store/event.c -- the names of levels and of the fields that have fixed indexes; what events have of
 * their source. */
#include "store/event.h"

static const char *const level_names[LEVEL_COUNT] = {
    [LEVEL_EMERG] = "emerg",     [LEVEL_ALERT] = "alert",   [LEVEL_CRIT] = "crit",
    [LEVEL_ERROR] = "error",     [LEVEL_WARNING] = "warning", [LEVEL_NOTICE] = "notice",
    [LEVEL_INFO] = "info",       [LEVEL_DEBUG] = "debug",   [LEVEL_TRACE] = "trace",
};

const char *const well_known_field_names[FIELD_ID_WELL_KNOWN_COUNT] = {
    [FIELD_ID_TIME] = "_time",
    [FIELD_ID_MSG] = "_msg",
    [FIELD_ID_GEO] = "geo",
    [FIELD_ID_HOST] = "host",
    [FIELD_ID_ROLE] = "role",
    [FIELD_ID_SOURCE] = "source",
    [FIELD_ID_FORMAT] = "format",
    [FIELD_ID_LEVEL] = "level",
    [FIELD_ID_METRIC] = "metric",
    [FIELD_ID_VALUE] = "value",
    [FIELD_ID_TEMPLATE] = "_template",
    [FIELD_ID_PATTERN] = "_pattern",
    [FIELD_ID_TENANT] = "tenant",
    [FIELD_ID_METHOD] = "method",
    [FIELD_ID_PATH] = "path",
    [FIELD_ID_URL_GROUP] = "url_group",
    [FIELD_ID_STATUS] = "status",
    [FIELD_ID_BYTES] = "bytes",
    [FIELD_ID_DURATION] = "duration",
    [FIELD_ID_CLIENT] = "client",
    [FIELD_ID_USER] = "user",
    [FIELD_ID_AGENT] = "agent",
    [FIELD_ID_REFERER] = "referer",
    [FIELD_ID_REQUEST_ID] = "request_id",
    [FIELD_ID_TASK] = "task",
    [FIELD_ID_TASK_ID] = "task_id",
    [FIELD_ID_QUEUE] = "queue",
    [FIELD_ID_STATEMENT] = "statement",
    [FIELD_ID_FINGERPRINT] = "fingerprint",
    [FIELD_ID_DATABASE] = "database",
    [FIELD_ID_SQLSTATE] = "sqlstate",
    [FIELD_ID_INDEX] = "index",
    [FIELD_ID_SHARD] = "shard",
    [FIELD_ID_LOGGER] = "logger",
    [FIELD_ID_THREAD] = "thread",
    [FIELD_ID_PID] = "pid",
    [FIELD_ID_EXCEPTION] = "exception",
    [FIELD_ID_ROUTE] = "route",
    [FIELD_ID_PATH_GROUP] = "path_group",
    [FIELD_ID_REFERER_GROUP] = "referer_group",
};

bool field_is_of_source(field_id field)
{
    return field == FIELD_ID_GEO || field == FIELD_ID_HOST || field == FIELD_ID_ROLE ||
           field == FIELD_ID_SOURCE;
}

struct slice event_source_text(const struct event_source *source, field_id field)
{
    switch (field) {
    case FIELD_ID_GEO:
        return source->geo;
    case FIELD_ID_HOST:
        return source->host;
    case FIELD_ID_ROLE:
        return source->role;
    default:
        return source->path;
    }
}

const char *level_name(enum level level)
{
    return (unsigned)level < LEVEL_COUNT ? level_names[level] : "unknown";
}

enum level level_of(struct slice name)
{
    for (int level = 0; level < LEVEL_COUNT; level++)
        if (slice_is(name, level_names[level]))
            return (enum level)level;
    return LEVEL_COUNT;
}
