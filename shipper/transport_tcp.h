/* shipper/transport_tcp.h -- the transport over TCP, on a libuv loop.
 * Thread safety: the loop thread only. */
#ifndef DENDRO_SHIPPER_TRANSPORT_TCP_H
#define DENDRO_SHIPPER_TRANSPORT_TCP_H

#include "base/option.h"
#include "shipper/transport.h"

#include <uv.h>

struct transport_tcp;

/* `address` is borrowed. */
enum status transport_tcp_new(uv_loop_t *loop, const struct address *address,
                              struct transport_tcp **out, struct error *err) WARN_UNUSED;
struct transport *transport_tcp_base(struct transport_tcp *tcp);
/* Closes; the memory goes when the loop has run its close callbacks. NULL does nothing. */
void transport_tcp_free(struct transport_tcp *tcp);

#endif
