/* shipper/shipper_private.h -- the parts of the shipper, for the files shipper*.c. */
#ifndef DENDRO_SHIPPER_SHIPPER_PRIVATE_H
#define DENDRO_SHIPPER_SHIPPER_PRIVATE_H

#include "base/buf.h"
#include "shipper/batcher.h"
#include "shipper/checkpoint.h"
#include "shipper/follow.h"
#include "shipper/host_metrics.h"
#include "shipper/limits.h"
#include "shipper/metric_set.h"
#include "shipper/session.h"
#include "shipper/shipper.h"
#include "shipper/tail.h"

enum { STATE_PATH_SIZE = 4096 };

struct shipper {
    struct io *io;
    const struct shipper_settings *settings;
    struct follow *follow;
    struct session session;
    struct batcher batcher;
    struct tail_reader reader;
    struct buf body; /* of the frame being made */
    struct checkpoint *checkpoint;
    struct checkpoint_meta meta;
    struct host_metrics *host_metrics; /* NULL: off */
    struct metric_set metrics;
    struct shipper_accounts accounts;
    int lock_fd;
    int64_t now_ns;
    int64_t save_at_ns, metrics_at_ns, expire_at_ns;
    int64_t sent_at_ns;           /* when the last batch was closed */
    uint32_t cursor;              /* source whose turn is next */
    uint32_t read_turns;          /* left in this step */
    int64_t metrics_position;     /* where the next range of samples begins */
    uint32_t metrics_truncations; /* one more whenever the wall clock went back */
    uint64_t metrics_skipped;     /* moments that found no room */
    uint64_t save_failures, refused_frames;
    uint64_t alarm_told_s;
    const char *watch_trouble; /* NULL: none */
    bool meta_dirty;
};

/* shipper_deliver.c */
extern const struct session_handler shipper_session_handler;
/* Close the batch being filled and hand it to the session. */
void shipper_close_batch(struct shipper *shipper);
void shipper_send_losses(struct shipper *shipper);
void shipper_ask(struct shipper *shipper);

/* shipper_save.c */
enum status shipper_restore(struct shipper *shipper, struct error *err) WARN_UNUSED;
void shipper_save(struct shipper *shipper);
uint64_t shipper_next_epoch(struct shipper *shipper);
void shipper_new_id(struct shipper *shipper);

/* shipper_metrics.c */
void shipper_measure(struct shipper *shipper);

#endif
