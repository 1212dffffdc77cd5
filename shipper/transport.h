/* shipper/transport.h -- how frames get to a collector: bytes in order, or not at all.
 * A transport embeds `struct transport` as its first member.
 * Thread safety: the loop thread only; events come from the loop, never from inside a call. */
#ifndef DENDRO_SHIPPER_TRANSPORT_H
#define DENDRO_SHIPPER_TRANSPORT_H

#include "base/error.h"
#include "base/slice.h"

#include <stddef.h>

struct transport;

struct transport_events {
    void (*connected)(void *user);
    void (*received)(void *user, struct slice bytes);
    void (*drained)(void *user);                 /* there is room to send again */
    void (*closed)(void *user, const char *why); /* after connect() or connected(), once */
};

struct transport_ops {
    /* Begin; ends in connected() or closed(). */
    enum status (*connect)(struct transport *transport, struct error *err) WARN_UNUSED;
    /* Queue a copy of the bytes. */
    enum status (*send)(struct transport *transport, struct slice bytes,
                        struct error *err) WARN_UNUSED;
    size_t (*queued)(const struct transport *transport); /* bytes not yet taken by the system */
    /* Forget the connection; no event follows. Does nothing when there is none. */
    void (*close)(struct transport *transport);
};

struct transport {
    const struct transport_ops *ops;
    const struct transport_events *events; /* set by the user before connect */
    void *user;
};

#endif
