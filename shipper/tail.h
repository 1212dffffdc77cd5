/* shipper/tail.h -- read a source's next bytes into the batch, as lines.
 *
 * Every read looks back at the bytes before the position and compares their hash with what was
 * there before: a file that was truncated and filled again past our position cannot be read as if
 * nothing had happened. One turn reads at most READ_TURN_SIZE, so many files are read fairly.
 * Thread safety: the loop thread only. */
#ifndef DENDRO_SHIPPER_TAIL_H
#define DENDRO_SHIPPER_TAIL_H

#include "base/error.h"
#include "shipper/batcher.h"
#include "shipper/follow.h"
#include "shipper/line_splitter.h"

#include <stdint.h>

struct tail_counters {
    uint64_t bytes; /* of sources, put into batches; a rewind counts again */
    uint64_t lines;
    uint64_t partial_lines; /* sent without their end */
    uint64_t long_lines, long_bytes_cut;
    uint64_t nul_runs, nul_bytes;
};

struct tail_reader {
    char *bytes;              /* look-back and one turn */
    struct split_line *lines; /* one turn */
    struct tail_counters counters;
};

enum tail_result {
    TAIL_MORE, /* something was read; there may be more */
    TAIL_IDLE, /* nothing to read now: source->readable is false */
    TAIL_FULL, /* the batch has no room: close it and call again */
};

enum status tail_reader_init(struct tail_reader *reader, struct error *err) WARN_UNUSED;
void tail_reader_release(struct tail_reader *reader);

/* One turn of `source` (state FOLLOWED, with settings). */
enum tail_result tail_read(struct tail_reader *reader, struct follow *follow, struct source *source,
                           struct batcher *batcher);

#endif
