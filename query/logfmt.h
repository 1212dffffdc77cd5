/* query/logfmt.h -- texts in the form name=value, as answers and pack_logfmt write it.
 * Thread safety: as the buffer. */
#ifndef DENDRO_QUERY_LOGFMT_H
#define DENDRO_QUERY_LOGFMT_H

#include "base/buf.h"

/* Append a name or value: as it is, or in quotes with the escapes of JSON where its bytes would end
 * or change it. No room: out->failed. */
void logfmt_append(struct buf *out, struct slice text);

#endif
