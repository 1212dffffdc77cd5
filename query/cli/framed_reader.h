/* query/cli/framed_reader.h -- take apart the framed format (query/api/output_framed.c).
 * Thread safety: one thread per reader. */
#ifndef DENDRO_QUERY_CLI_FRAMED_READER_H
#define DENDRO_QUERY_CLI_FRAMED_READER_H

#include "base/buf.h"

#include <stdint.h>

struct framed_receiver {
    /* Bytes of events as they come; a piece may end anywhere. False: enough. */
    bool (*rows)(void *user, struct slice piece);
    /* One whole record. */
    bool (*record)(void *user, struct slice json);
    void *user;
};

enum { FRAMED_HEAD_SIZE_MAX = 32, FRAMED_RECORD_SIZE_MAX = 16 << 20 };

struct framed_reader { /* start with FRAMED_READER() */
    const struct framed_receiver *receiver;
    enum { FRAMED_HEAD, FRAMED_ROWS, FRAMED_RECORD } state;
    struct buf head, record;
    uint64_t left; /* bytes of the frame that are still to come */
    bool corrupt;
};

static inline struct framed_reader framed_reader_empty(const struct framed_receiver *receiver)
{
    return (struct framed_reader){.receiver = receiver,
                                  .head = buf_empty(FRAMED_HEAD_SIZE_MAX),
                                  .record = buf_empty(FRAMED_RECORD_SIZE_MAX)};
}

/* False: the receiver had enough, or (`corrupt`) this is not the format. */
bool framed_reader_feed(struct framed_reader *reader, struct slice piece);
void framed_reader_release(struct framed_reader *reader);

#endif
