/* store/segment_page_writer.h -- collect the pages of a segment and their entries.
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_SEGMENT_PAGE_WRITER_H
#define DENDRO_STORE_SEGMENT_PAGE_WRITER_H

#include "store/segment_format.h"

enum { PAGES_KNOWN_MAX = 1024 /* number arrays remembered, to find columns that are the same */ };

struct known_page {
    const int64_t *values; /* the caller's */
    uint64_t mark;         /* of some of them: equal arrays have the same */
    uint32_t count, entry;
};

struct page_writer {
    struct buf regions[REGION_COUNT];
    uint64_t seed;
    uint32_t entry_count; /* page entries that a reader remembers */
    struct buf scratch;
    struct int_encoder encoder;
    struct known_page known[PAGES_KNOWN_MAX];
    uint32_t known_count;
};

void page_writer_init(struct page_writer *writer, uint64_t seed);
void page_writer_release(struct page_writer *writer);

/* Append the entry of a page to `entries`, and the page to its region or in line. */
bool page_writer_put(struct page_writer *writer, enum page_region region, struct slice page,
                     struct buf *entries);
/* The same for numbers; equal arrays since page_writer_forget() share one page. They are compared with
 * later ones: `values` must stay as they are until page_writer_forget(). */
bool page_writer_put_numbers(struct page_writer *writer, enum page_region region,
                             const int64_t *values, uint32_t count, struct buf *entries);
void page_writer_forget(struct page_writer *writer);

static inline uint64_t segment_page_seed(uint64_t seed, unsigned region, uint64_t offset)
{
    return seed + 8 * offset + region;
}

#endif
