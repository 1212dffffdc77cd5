/* base/extents.h -- which parts of a range of bytes are free, for pieces of any size.
 *
 * Free parts stand in order of their place, and neighbours are one (first fit: Knuth, The Art of
 * Computer Programming, 2.5). What is in use so stays together at the low end, and the high end
 * stays free. Some hundred pieces at a time are meant: a search looks at one part after the other.
 * Thread safety: as plain data. */
#ifndef DENDRO_BASE_EXTENTS_H
#define DENDRO_BASE_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXTENTS_NONE SIZE_MAX

struct extent {
    size_t at, size;
};

struct extents {
    struct extent *free; /* in order of `at`; no two of them touch */
    size_t count, capacity;
    size_t piece_count; /* taken; each has at most one free part behind it */
};

/* All of 0 to `size` is free. False: no memory. */
bool extents_init(struct extents *extents, size_t size);
void extents_release(struct extents *extents);

/* The place of a new piece, the lowest; EXTENTS_NONE: none, or no memory. */
size_t extents_take(struct extents *extents, size_t size);
/* For a piece that will grow: where most is free behind it, but not behind all other pieces if it
 * fits between them. */
size_t extents_take_widest(struct extents *extents, size_t size);
/* Is `size` at `at` free? Then the piece that ends there has it. */
bool extents_extend(struct extents *extents, size_t at, size_t size);
/* Give back a piece; or the last `size` bytes of one, from `at` on. Neither needs memory. */
void extents_give(struct extents *extents, size_t at, size_t size);
void extents_give_tail(struct extents *extents, size_t at, size_t size);

#endif
