/* collector/formats/elastic_common.h -- what the plain and the JSON logs of Elasticsearch share.
 * Thread safety: pure functions, but for the arena. */
#ifndef DENDRO_COLLECTOR_FORMATS_ELASTIC_COMMON_H
#define DENDRO_COLLECTOR_FORMATS_ELASTIC_COMMON_H

#include "collector/format.h"

/* A time value with its unit (nanos, micros, ms, s, m, h, d) as `duration`. */
void elastic_add_took(struct slice event, struct slice took, struct parsed_event *out);
/* `took_millis` where it is above 0, since it sums exactly; else `took`. */
void elastic_add_duration(struct slice event, struct slice took, struct slice took_millis,
                          struct parsed_event *out);
/* The query, its fingerprint, and the number in `812`, `812 hits` or `10000+ hits`. */
void elastic_add_source(const struct format_context *context, struct slice event,
                        struct slice source, struct parsed_event *out);
void elastic_add_hits(const struct format_context *context, struct slice event, struct slice hits,
                      struct parsed_event *out);
/* `[index][shard]` or `[index/uuid]`. */
void elastic_add_index(struct slice event, struct slice brackets, struct parsed_event *out);
/* The pause in messages of the JVM monitor: `[gc][young][1][2] duration [1.2s]`, `overhead, spent
 * [310ms]`. */
void elastic_add_gc(struct slice event, struct slice message, struct parsed_event *out);

/* `[time][LEVEL][logger]` of the plain logs. */
struct elastic_head {
    int64_t time_ns;
    enum level level;
    struct slice logger;
    struct slice rest; /* behind it, blanks skipped */
};

bool elastic_head_split(const struct format_context *context, struct slice event,
                        struct elastic_head *out);
bool elastic_starts(struct slice line);
enum line_kind elastic_line_kind(const struct format_context *context, struct slice open,
                                 struct slice line);

#endif
