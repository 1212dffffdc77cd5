/* collector/formats/elastic_json.c -- the JSON logs of Elasticsearch 7: server, deprecation, slow
 * logs, audit, told apart by `type`. */
#include "collector/formats/elastic_object.h"
#include "collector/formats/formats.h"
#include "collector/formats/scan.h"

/* Those left out do not occur. */
static const struct slice keys[ELASTIC_KEY_COUNT] = {
    [ELASTIC_TYPE] = SLICE_INIT("type"),       [ELASTIC_TIME] = SLICE_INIT("timestamp"),
    [ELASTIC_LEVEL] = SLICE_INIT("level"),     [ELASTIC_LOGGER] = SLICE_INIT("component"),
    [ELASTIC_NODE] = SLICE_INIT("node.name"),  [ELASTIC_MESSAGE] = SLICE_INIT("message"),
    [ELASTIC_USER] = SLICE_INIT("user.name"),  [ELASTIC_STACK] = SLICE_INIT("stacktrace"),
    [ELASTIC_TOOK] = SLICE_INIT("took"),       [ELASTIC_TOOK_MILLIS] = SLICE_INIT("took_millis"),
    [ELASTIC_HITS] = SLICE_INIT("total_hits"), [ELASTIC_SOURCE] = SLICE_INIT("source"),
    [ELASTIC_ID] = SLICE_INIT("id"),
};

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    return elastic_object_parse(context, event, keys, out);
}

static unsigned detect(struct slice line)
{
    struct slice head = slice_first(line, 400);

    if (!starts_with(line, "{"))
        return 0;
    return find_literal(head, "\"cluster.name\"") != SIZE_MAX &&
                   find_literal(head, "\"timestamp\"") != SIZE_MAX
               ? 95
               : 0;
}

const struct format format_elastic_json = {
    .name = "elastic_json",
    .fields = "logger node index shard exception duration statement fingerprint request_id hits "
              "user",
    .multi_line = true,
    .starts_alone = true,
    .line_kind = elastic_object_line_kind,
    .parse = parse,
    .begins = BEGINS_BRACE,
    .detect = detect,
};
