/* shipper/tail_marks.h -- hashes at positions that were read: where did a file stop being the same?
 *
 * A file that was cut in place and appended to before we looked has the bytes that we read up to
 * some position, and others behind it. The marks say up to where at least they are the same. They
 * lie closer together near the end: cuts that spare most of a file are found to a small part.
 * Thread safety: one thread at a time per object. */
#ifndef DENDRO_SHIPPER_TAIL_MARKS_H
#define DENDRO_SHIPPER_TAIL_MARKS_H

#include <stdint.h>

enum { TAIL_MARKS_MAX = 24 }; /* 384 bytes per file that is read; see the test for what they find */

struct tail_marks {
    uint32_t count;
    struct tail_mark {
        uint64_t offset, tail; /* tail_hash() of what is before the offset */
    } marks[TAIL_MARKS_MAX];   /* by offset */
};

/* Note a position; those that are not behind the last one are ignored. */
void tail_marks_add(struct tail_marks *marks, uint64_t offset, uint64_t tail);

#endif
