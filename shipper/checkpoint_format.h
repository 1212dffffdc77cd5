/* shipper/checkpoint_format.h -- the bytes of a checkpoint record (layout: checkpoint.h).
 * Thread safety: functions touch only their arguments. */
#ifndef DENDRO_SHIPPER_CHECKPOINT_FORMAT_H
#define DENDRO_SHIPPER_CHECKPOINT_FORMAT_H

#include "base/buf.h"
#include "shipper/checkpoint.h"

enum {
    CHECKPOINT_HEADER_SIZE = 32,
    CHECKPOINT_RECORD_HEADER_SIZE = 32,
    CHECKPOINT_VERSION = 1,
};

enum checkpoint_record {
    RECORD_META = 1,
    RECORD_GENERATION,
    RECORD_FORGET,
    RECORD_SNAPSHOT_END, /* what follows are changes */
    RECORD_END,          /* one past the last type */
};

struct checkpoint_record_head {
    uint32_t type;
    uint64_t seq;
};

/* Append; failures stay in the buffer (buf_check). */
void checkpoint_append_header(struct buf *out, uint64_t number);
void checkpoint_append_meta(struct buf *out, uint64_t number, uint64_t seq,
                            const struct checkpoint_meta *meta);
void checkpoint_append_generation(struct buf *out, uint64_t number, uint64_t seq,
                                  const struct generation *generation);
void checkpoint_append_forget(struct buf *out, uint64_t number, uint64_t seq,
                              const uint8_t gen_id[GEN_ID_SIZE], uint32_t trunc_no);
void checkpoint_append_end(struct buf *out, uint64_t number, uint64_t seq);

/* Eat the file header; false if it is not one of file `number`. */
bool checkpoint_take_header(struct slice *rest, uint64_t number);
/* Eat one record with a good checksum; false (and `rest` as it was) if there is none here. */
bool checkpoint_take_record(struct slice *rest, uint64_t number,
                            struct checkpoint_record_head *head, struct slice *body);
/* Give one record's body to the reader; false if it breaks the layout of its type. */
bool checkpoint_deliver(uint32_t type, struct slice body, const struct checkpoint_reader *reader);

#endif
