/* shipper/control.h -- a unix socket in the state directory that answers one question per
 * connection: "status\n" or "explain PATH\n". Only the shipper's own user may connect.
 * Thread safety: the loop thread only (server); none needed (client). */
#ifndef DENDRO_SHIPPER_CONTROL_H
#define DENDRO_SHIPPER_CONTROL_H

#include "base/buf.h"
#include "base/error.h"

#include <uv.h>

struct shipper;
struct control;

/* Errors: IO (the socket cannot be made): the shipper works without. */
enum status control_new(uv_loop_t *loop, const char *state, struct shipper *shipper,
                        struct control **out, struct error *err) WARN_UNUSED;
void control_free(struct control *control); /* NULL does nothing; memory goes with the loop */

/* Ask the shipper that runs with this state directory; its answer is appended to `out`.
 * Errors: NOT_FOUND (none runs), IO, TOO_LARGE. */
enum status control_ask(const char *state, const char *question, struct buf *out,
                        struct error *err) WARN_UNUSED;

#endif
