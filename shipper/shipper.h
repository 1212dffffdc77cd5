/* shipper/shipper.h -- the whole shipper as one object without threads, sockets or a loop.
 *
 * shipper_step() does everything that is due and says when the next thing is; the transport's
 * events come in between. With a simulated io table and a transport that is a test, days of
 * operation run in a second.
 * Thread safety: one thread at a time per shipper. */
#ifndef DENDRO_SHIPPER_SHIPPER_H
#define DENDRO_SHIPPER_SHIPPER_H

#include "base/error.h"
#include "base/io.h"
#include "shipper/settings.h"
#include "shipper/transport.h"

#include <stdbool.h>
#include <stdint.h>

struct shipper;

/* read = acked + pending + the sum of dropped, always. Bytes of sources. */
struct shipper_accounts {
    uint64_t read;    /* taken from files, or given up as lost */
    uint64_t acked;   /* durable at the collector */
    uint64_t pending; /* in the batch being filled, or in flight */
    uint64_t dropped[LOSS_REASON_END];
};

/* Lock the state directory (made if missing), read the checkpoint, begin a new epoch. The settings
 * and the transport are borrowed.
 * Errors: BUSY     another shipper has the directory
 *         INVALID  a pattern is wrong
 *         IO, NO_MEMORY. That the epoch cannot be saved (disk full) is an alarm, not an error. */
enum status shipper_new(struct io *io, const struct shipper_settings *settings,
                        struct transport *transport, struct shipper **out,
                        struct error *err) WARN_UNUSED;
/* Writes the checkpoint; nothing is lost without it. NULL does nothing. */
void shipper_free(struct shipper *shipper);

/* Do what is due. Gives the monotonic time at which to call again, at the latest. */
int64_t shipper_step(struct shipper *shipper);
/* Something happened in a directory (NULL: somewhere); path of the directory or a file in it. */
void shipper_hint(struct shipper *shipper, const char *path);
/* No new connection, say goodbye. */
void shipper_stop(struct shipper *shipper);
/* Everything that could be read is acked. */
bool shipper_is_idle(const struct shipper *shipper);
struct shipper_accounts shipper_accounts_of(const struct shipper *shipper);

/* If the directories to watch changed since the last call: true, and `visit` is told each. */
typedef void shipper_visit_directory(void *user, const char *path);
bool shipper_directories(struct shipper *shipper, shipper_visit_directory *visit, void *user);
/* The watcher cannot watch everything: a health alarm; polling goes on. */
void shipper_note_watch_trouble(struct shipper *shipper, const char *why);

/* For `dendro-shipper status` and `explain`: append text. */
void shipper_status(struct shipper *shipper, struct buf *out);
void shipper_explain(struct shipper *shipper, const char *path, struct buf *out);

#endif
