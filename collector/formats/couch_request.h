/* collector/formats/couch_request.h -- what the path of a CouchDB request says, in all versions.
 * Thread safety: pure functions, but for the arena. */
#ifndef DENDRO_COLLECTOR_FORMATS_COUCH_REQUEST_H
#define DENDRO_COLLECTOR_FORMATS_COUCH_REQUEST_H

#include "collector/format.h"

/* Add path, params, database, view and op of `target`. */
void couch_target_add(const struct format_context *context, struct slice event, struct slice target,
                      struct parsed_event *out);
/* True for a changes feed that waits for news: its time is no latency. */
bool couch_target_waits(struct slice target);

#endif
