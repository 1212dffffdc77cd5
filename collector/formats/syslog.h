/* collector/formats/syslog.h -- what syslog and the journal share: names of facilities, and
 * messages whose program says which format reads them. Thread safety: pure functions. */
#ifndef DENDRO_COLLECTOR_FORMATS_SYSLOG_H
#define DENDRO_COLLECTOR_FORMATS_SYSLOG_H

#include "collector/format.h"

/* "kern" of 0 .. "local7" of 23 (RFC 5424, 6.2.1); the empty slice for other numbers. Static. */
struct slice syslog_facility_name(unsigned facility);
/* Add what the format of the program `app` finds in `message`, a part of the event or a computed
 * text. False: there is no such format, or it does not know the message; `out` is as it was.
 * `context->compiled` is what format_syslog.compile made. */
bool syslog_message_add(const struct format_context *context, struct slice event, struct slice app,
                        struct slice message, struct parsed_event *out);

#endif
