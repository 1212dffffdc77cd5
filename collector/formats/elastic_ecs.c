/* collector/formats/elastic_ecs.c -- the JSON logs of Elasticsearch 8, in ECS names with flat keys.
 */
#include "collector/formats/elastic_object.h"
#include "collector/formats/formats.h"
#include "collector/formats/scan.h"

static const struct slice keys[ELASTIC_KEY_COUNT] = {
    [ELASTIC_TYPE] = SLICE_INIT("event.dataset"),
    [ELASTIC_TIME] = SLICE_INIT("@timestamp"),
    [ELASTIC_LEVEL] = SLICE_INIT("log.level"),
    [ELASTIC_LOGGER] = SLICE_INIT("log.logger"),
    [ELASTIC_NODE] = SLICE_INIT("elasticsearch.node.name"),
    [ELASTIC_NODE_EARLY] = SLICE_INIT("node.name"),
    [ELASTIC_MESSAGE] = SLICE_INIT("message"),
    [ELASTIC_THREAD] = SLICE_INIT("process.thread.name"),
    [ELASTIC_USER] = SLICE_INIT("user.name"),
    [ELASTIC_STACK] = SLICE_INIT("error.stack_trace"),
    [ELASTIC_EXCEPTION] = SLICE_INIT("error.type"),
    [ELASTIC_PLACE] = SLICE_INIT("elasticsearch.slowlog.message"),
    [ELASTIC_TOOK] = SLICE_INIT("elasticsearch.slowlog.took"),
    [ELASTIC_TOOK_MILLIS] = SLICE_INIT("elasticsearch.slowlog.took_millis"),
    [ELASTIC_HITS] = SLICE_INIT("elasticsearch.slowlog.total_hits"),
    [ELASTIC_SOURCE] = SLICE_INIT("elasticsearch.slowlog.source"),
    [ELASTIC_ID] = SLICE_INIT("elasticsearch.slowlog.id"),
};

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    return elastic_object_parse(context, event, keys, out);
}

static unsigned detect(struct slice line)
{
    if (!starts_with(line, "{") || find_literal(line, "\"@timestamp\"") == SIZE_MAX)
        return 0;
    return find_literal(line, "\"event.dataset\":\"elasticsearch.") != SIZE_MAX ||
                   find_literal(line, "\"service.name\":\"ES_ECS\"") != SIZE_MAX
               ? 96
               : 0;
}

const struct format format_elastic_ecs = {
    .name = "elastic_ecs",
    .fields = "logger node thread index shard exception duration statement fingerprint request_id "
              "hits user",
    .multi_line = true,
    .starts_alone = true,
    .line_kind = elastic_object_line_kind,
    .parse = parse,
    .begins = BEGINS_BRACE,
    .detect = detect,
};
