/* collector/formats/haproxy_notice.h -- what HAProxy logs beside requests and connections: sessions
 * that failed before they began, and the states of servers and proxies. Thread safety: pure
 * functions. */
#ifndef DENDRO_COLLECTOR_FORMATS_HAPROXY_NOTICE_H
#define DENDRO_COLLECTOR_FORMATS_HAPROXY_NOTICE_H

#include "collector/format.h"

/* False: it is no such line; `out` is as it was. */
bool haproxy_notice_parse(const struct format_context *context, struct slice event,
                          struct parsed_event *out);
/* Of a line without a time: how surely is it one? */
unsigned haproxy_notice_detect(struct slice line);

#endif
