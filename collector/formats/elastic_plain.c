/* collector/formats/elastic_plain.c -- the server log of Elasticsearch and OpenSearch:
 *   [time][LEVEL][logger] [node] [index][shard] message
 * Node, index and shard may each be missing, and messages begin with brackets too: the first
 * bracket is the node unless what follows says that it is an index. */
#include "collector/formats/elastic_common.h"
#include "collector/formats/formats.h"
#include "collector/formats/scan.h"
#include "collector/formats/trace.h"

/* What is said of an index, behind its name. */
static const struct slice index_verbs[] = {
    SLICE_INIT("creating index"),
    SLICE_INIT("deleting index"),
    SLICE_INIT("update_mapping"),
    SLICE_INIT("create_mapping"),
    SLICE_INIT("closing index"),
    SLICE_INIT("opening index"),
    SLICE_INIT("updating number_of_replicas"),
};

static bool is_about_index(struct slice message)
{
    for (size_t i = 0; i < COUNT_OF(index_verbs); i++)
        if (slice_starts(message, index_verbs[i]))
            return true;
    return false;
}

/* Lower case, as the names of indexes must be; [gc] and the like are parts of messages. */
static bool is_index_name(struct slice name)
{
    if (name.len == 0 || slice_is(name, "gc"))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (is_upper(name.data[i]) || name.data[i] == ' ' || name.data[i] == ',')
            return false;
    return true;
}

static bool is_shard(struct slice behind)
{
    struct slice digits;

    return take_byte(&behind, '[') && take_digits(&behind, &digits) && starts_with(behind, "]");
}

static void add_head(const struct format_context *context, struct slice event, struct slice rest,
                     struct parsed_event *out)
{
    struct slice first;
    struct slice behind = rest;
    struct slice name;
    struct slice at;

    if (!take_bracketed(&behind, &first))
        return;
    skip_blanks(&behind);
    if (slice_is(first, "gc")) {
        elastic_add_gc(event, rest, out);
        return;
    }
    if (is_about_index(behind)) {
        elastic_add_index(event, rest, out);
        return;
    }
    add_text(out, context->extra[EXTRA_NODE], event, first);
    elastic_add_gc(event, behind, out);
    at = behind;
    if (!take_bracketed(&at, &name) || !is_index_name(name))
        return;
    /* [index][shard], or [index] and what is said of it. */
    if (is_shard(at) || is_about_index(slice_trim(at)))
        elastic_add_index(event, behind, out);
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct elastic_head head;
    struct slice message;
    struct slice type;

    if (!elastic_head_split(context, event, &head))
        return STATUS_INVALID;
    out->time_ns = head.time_ns;
    out->has_time = true;
    out->level = (uint8_t)head.level;
    add_text(out, FIELD_ID_LOGGER, event, head.logger);
    message = first_line(head.rest, NULL);
    add_head(context, event, message, out);
    if (message.len < head.rest.len && trace_java_exception(head.rest, &type))
        add_text(out, FIELD_ID_EXCEPTION, event, type);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    return elastic_starts(line) && find_literal(slice_sub(line, 24, 10), "][") != SIZE_MAX ? 80 : 0;
}

const struct format format_elastic_plain = {
    .name = "elastic_plain",
    .fields = "logger node index shard exception duration",
    .multi_line = true,
    .starts_alone = true,
    .line_kind = elastic_line_kind,
    .parse = parse,
    .begins = BEGINS_BRACKET,
    .detect = detect,
};
