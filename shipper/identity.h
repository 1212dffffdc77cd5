/* shipper/identity.h -- which file is it? One record per generation of a file.
 *
 * A path is no identity: files are renamed, copied and truncated under us. A generation is told
 * by (file system, inode, inode generation or birth time), confirmed by a hash of its first bytes,
 * and a position in it by a hash of the bytes just before it. A truncation keeps all of the inode's
 * marks, so it is counted in `trunc_no`.
 * Thread safety: functions touch only their arguments. */
#ifndef DENDRO_SHIPPER_IDENTITY_H
#define DENDRO_SHIPPER_IDENTITY_H

#include "base/io.h"
#include "base/message.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { GEN_ID_SIZE = WIRE_ID_SIZE };

struct file_key {
    uint64_t fsid, inode;
    uint64_t generation; /* of the inode; 0 unknown */
    int64_t birth_ns;    /* 0 unknown */
};

struct generation {
    struct file_key key;
    uint8_t gen_id[GEN_ID_SIZE]; /* all zero: not given yet */
    uint32_t trunc_no;
    uint32_t prefix_len; /* bytes under prefix_hash, at most PREFIX_SIZE_MAX */
    uint64_t prefix_hash;
    uint64_t begin_off;  /* what is before it is not wanted: see start_at */
    uint64_t acked_off;  /* every byte before it is durable at the collector, or lost */
    uint64_t acked_tail; /* tail_hash() of what is before acked_off */
    uint64_t size_seen;  /* largest size of this generation */
    int64_t first_seen_ns, last_seen_ns; /* wall clock */
    bool finished;    /* read to its end and acked, and nobody writes to it any more */
    const char *path; /* where it was last seen; owned by whoever holds the record */
};

/* Why a generation began at its first byte although its file was known. */
enum reset_reason {
    RESET_NONE,
    RESET_REPLACED, /* same name and inode number, another inode generation or birth time */
    RESET_SHORTER,  /* the file ends before our position */
    RESET_TAIL,     /* the bytes before our position are others: truncated and filled again */
    RESET_REFUSED,  /* the collector knows other bytes at our position */
    RESET_COUNT
};

const char *reset_reason_name(enum reset_reason reason); /* "shorter"; static */

struct file_key file_key_of(const struct io_info *info);
/* The same file? Uses the inode generation where both know it, else the birth time. */
bool file_key_equal(const struct file_key *a, const struct file_key *b);

/* Hash of a file's first bytes. That of the bytes before a position is tail_hash(). */
uint64_t prefix_hash(struct slice first);

/* What the gen_id is made of: the first line with its newline, or the first PREFIX_SIZE_MAX bytes
 * if they hold no newline. False: neither is complete yet. */
bool gen_id_text(struct slice first, struct slice *text);
/* The same file on the same host gets the same id, also from a shipper that lost its state. */
void gen_id_make(const char *host, const struct file_key *key, struct slice text,
                 uint8_t out[GEN_ID_SIZE]);
bool gen_id_given(const uint8_t gen_id[GEN_ID_SIZE]);

/* May reading of `known` go on at `position` in a file that now has these marks?
 * `before` are the bytes that the file has just before the position. RESET_NONE: yes. */
enum reset_reason resume_check(const struct generation *known, const struct file_key *key,
                               uint64_t size, uint64_t position, struct slice before,
                               uint64_t tail);

#endif
