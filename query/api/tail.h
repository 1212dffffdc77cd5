/* query/api/tail.h -- live tail: rows as they are stored, over server-sent events (docs/api.md, "Live
 * tail"). One thread serves all tails.
 *
 * A tail's cursor is "<store incarnation>-<sequence>": everything up to the sequence was sent. A
 * reader that is too slow is waited for, its cursor stands still, and nothing is lost as long as
 * the rows are retained; what retention took meanwhile is announced as `lost`.
 * Thread safety: tail_add() and tail_server_free() from one thread; the rest is internal. */
#ifndef DENDRO_QUERY_API_TAIL_H
#define DENDRO_QUERY_API_TAIL_H

#include "base/error.h"
#include "query/api/answer.h"

#include <stdint.h>

struct api;
struct api_call;
struct store;
struct tail_server;

enum { TAIL_BUFFER_SIZE = 1024 * 1024 }; /* that waits for one reader */

/* The cursor of a tail that begins behind the store's sequence `after`. */
void tail_cursor_print(const struct store *store, uint64_t after, char out[ANSWER_CURSOR_SIZE]);

enum status tail_server_new(struct api *api, unsigned count_max, struct tail_server **out,
                            struct error *err) WARN_UNUSED;
/* Take the call over; AGAIN: there are `count_max` tails already, the call is still the caller's.
 */
enum status tail_add(struct tail_server *server, struct api_call *call) WARN_UNUSED;
uint32_t tail_count(struct tail_server *server);
void tail_server_free(struct tail_server *server); /* NULL does nothing */

#endif
