/* shipper/saved_status.h -- what the checkpoint says, when no shipper runs that could be asked.
 * Thread safety: touches only its arguments. */
#ifndef DENDRO_SHIPPER_SAVED_STATUS_H
#define DENDRO_SHIPPER_SAVED_STATUS_H

#include "base/buf.h"
#include "base/io.h"

/* Append a line per generation that `state` holds. Errors: as checkpoint_read(). */
enum status saved_status(struct io *io, const char *state, struct buf *out,
                         struct error *err) WARN_UNUSED;

#endif
