/* collector/formats/elastic_object.h -- the JSON logs of Elasticsearch 7 and 8: one object per
 * event, whose stack trace may be spread over lines. Thread safety: pure functions, but for arena
 * and open_state. */
#ifndef DENDRO_COLLECTOR_FORMATS_ELASTIC_OBJECT_H
#define DENDRO_COLLECTOR_FORMATS_ELASTIC_OBJECT_H

#include "collector/format.h"

/* What both versions say, under different keys. */
enum elastic_key {
    ELASTIC_TYPE,
    ELASTIC_TIME,
    ELASTIC_LEVEL,
    ELASTIC_LOGGER,
    ELASTIC_NODE,
    ELASTIC_NODE_EARLY, /* as 8.0 named it at first */
    ELASTIC_MESSAGE,
    ELASTIC_THREAD,
    ELASTIC_USER,
    ELASTIC_STACK,     /* array whose first element is `Class: message` */
    ELASTIC_EXCEPTION, /* the class alone */
    ELASTIC_PLACE,     /* `[index][shard]` beside the message */
    ELASTIC_TOOK,
    ELASTIC_TOOK_MILLIS,
    ELASTIC_HITS,
    ELASTIC_SOURCE,
    ELASTIC_ID,
    ELASTIC_KEY_COUNT
};

enum line_kind elastic_object_line_kind(const struct format_context *context, struct slice open,
                                        struct slice line);
enum status elastic_object_parse(const struct format_context *context, struct slice event,
                                 const struct slice keys[ELASTIC_KEY_COUNT],
                                 struct parsed_event *out);

#endif
