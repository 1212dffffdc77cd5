/* shipper/session_private.h -- what session.c and session_receive.c share. */
#ifndef DENDRO_SHIPPER_SESSION_PRIVATE_H
#define DENDRO_SHIPPER_SESSION_PRIVATE_H

#include "shipper/session.h"

#define SHIPPER_BUILD "dendro-shipper 0.1"

enum {
    SESSION_BODY_SIZE_MAX = 1 << 20,  /* of what a collector sends: watermarks of 1,024 sources */
    SESSION_QUEUE_SIZE_MAX = 1 << 20, /* bytes handed to the transport ahead of the network */
    SESSION_RESENDS_MAX = 8,          /* of a frame that is refused again and again */
};

/* session.c */
/* Send the control message that was made in `output`, which is empty afterwards. */
void session_send_output(struct session *session, enum frame_type type);
/* Close and try again later. `why` NULL: silently. */
void session_fail(struct session *session, const char *why);
void session_enter(struct session *session, enum session_state state);

/* session_receive.c: one message from the collector; an error closes the connection. */
enum status session_take(struct session *session, const struct frame *frame,
                         struct error *err) WARN_UNUSED;

#endif
