/* collector/formats/request_line.h -- the HTTP request line as servers log it: `METHOD target
 * PROTO`. The target may hold blanks, quotes and raw bytes; the protocol may be missing or cut; the
 * whole may be "-", empty or the bytes of a TLS greeting. Thread safety:
 * pure functions. */
#ifndef DENDRO_COLLECTOR_FORMATS_REQUEST_LINE_H
#define DENDRO_COLLECTOR_FORMATS_REQUEST_LINE_H

#include "collector/format.h"

struct request_line {
    struct slice method; /* empty: this is no request */
    struct slice path;   /* target without scheme, host and query string */
    struct slice params; /* query string without the question mark */
};

void request_line_split(struct slice text, struct request_line *out);
/* A target or a whole URL. */
void request_target_split(struct slice target, struct slice *path, struct slice *params);
/* Add method, path and params, and say that tenant and url_group may come from the path. */
void request_line_add(const struct format_context *context, struct slice event, struct slice text,
                      struct parsed_event *out);
/* Length of the `[A-Z]+` method that `text` starts with, if a blank follows; 0 if none. */
size_t request_method_len(struct slice text);

#endif
