/* base/spare.h -- large pieces of memory that are used again instead of going back to the system.
 *
 * The system clears and maps memory at its first touch, page by page, and takes it back when a large
 * piece is freed: for work that takes and frees the same tens of megabytes several times per second
 * (parsing, sealing) that was a quarter of the time of a seal. Here all pieces lie in one range of
 * addresses, as low as they fit, for which the system is asked for pages of 2 MiB; what is given back
 * waits there for some seconds, whatever size the next one needs.
 *
 * All of it is charged to the class of the thread that takes it (base/memory_budget.h). When that has
 * no room, there is none, as without memory. A program must ask by spare_keep() for anything to be
 * kept; it is given up when the process needs the room. Builds with AddressSanitizer keep nothing in
 * any case, so that it sees every use after spare_give().
 * Thread safety: any thread. */
#ifndef DENDRO_BASE_SPARE_H
#define DENDRO_BASE_SPARE_H

#include "base/memory_budget.h"

#include <stddef.h>
#include <stdint.h>

enum {
    SPARE_HEADER_SIZE = 16,     /* stands before a piece and is charged with it, in whole pages */
    SPARE_SIZE_MIN = 256 << 10, /* smaller pieces the allocator keeps by itself */
    SPARE_GROWING_MIN = 1 << 20,
};
#define SPARE_SIZE_MAX ((size_t)1 << 38) /* a larger piece is a mistake in arithmetic: refused */
#define SPARE_KEPT_NS 10000000000LL  /* then the system gets it: an idle process is small */

/* Keep up to `size_max` bytes of blocks that are of no piece; at first 0. The first time before other
 * threads start. */
void spare_keep(size_t size_max);

/* As malloc(): not cleared; NULL without memory. */
void *spare_take(size_t size);
/* As free(), for what spare_take() and spare_grow() gave. */
void spare_give(void *memory);
/* As realloc() to a larger size; the first `used` bytes are kept. NULL: `memory` is as it was.
 * What has grown to SPARE_GROWING_MIN grows on, most often: it gets a place with room behind it. */
void *spare_grow(void *memory, size_t used, size_t size);
/* Charge it to `class` from now on, instead of the class that took it. */
void spare_charge(void *memory, enum memory_class class);

/* To be called now and then: give to the system what nobody wanted for SPARE_KEPT_NS. */
void spare_trim(int64_t mono_ns);
/* Bytes that wait: of all blocks that have memory, what is of no piece. */
size_t spare_kept(void);

#endif
