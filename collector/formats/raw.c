/* collector/formats/raw.c -- what no other format explains: kept whole, with no fields. */
#include "collector/formats/formats.h"

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    (void)context;
    (void)event;
    (void)out;
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    (void)line;
    return 0;
}

const struct format format_raw = {
    .name = "raw",
    .fields = "",
    .parse = parse,
    .detect = detect,
};
