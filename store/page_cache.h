/* store/page_cache.h -- pages that were decoded for one query and stay for the next.
 *
 * To read a page of a block, to compare its hash, to decompress and decode it takes most of the time of
 * a filter or a group key, and dashboards ask the same again and again. A page that is asked for a
 * second time while its segment is open is kept as the arrays that its readers want, and readers get
 * the kept array itself. What is read once (a seal, a scrub, one scan over everything) is never kept.
 *
 * Least wanted: a segmented LRU list, as that of segments (segment_cache.h): what was not found again
 * yet is on probation, the rest is protected, up to three quarters of the bytes. Pages in use stay.
 * They are charged to MEMORY_PAGES and give way to all else there, and to the process.
 *
 * The cache is of the process, as the memory budget is. Thread safety: any thread. */
#ifndef DENDRO_STORE_PAGE_CACHE_H
#define DENDRO_STORE_PAGE_CACHE_H

#include "store/segment_format.h"

enum page_form {
    PAGE_FORM_NUMBERS,
    PAGE_FORM_CODES,
    PAGE_FORM_TEXTS, /* slices of the bytes behind them */
    PAGE_FORM_BYTES,
    PAGE_FORM_COUNT
};

struct kept_page {
    union {
        int64_t *numbers;
        uint32_t *codes;
        struct slice *texts;
        char *bytes;
    };
    uint32_t largest; /* of codes */
    uint32_t count;   /* of values */
    enum page_form form;
    /* The cache's own. */
    size_t size;             /* in memory */
    struct kept_page **home; /* in the segment; NULL: in no list */
    struct kept_page *newer, *older;
    uint32_t users;
    bool protected;
};

/* Pages that one user, a block, looks at. */
struct page_uses {
    struct arena *arena; /* the user's */
    struct page_use *first;
};

/* The page in that form with `count` values, to be used until page_uses_end(); NULL: it is not here.
 * With `wanted` it is to be kept: whoever decodes it does so into page_cache_new(), then page_cache_put(). */
struct kept_page *page_cache_get(struct segment *segment, const struct page_ref *page,
                                 enum page_form form, uint32_t count, struct page_uses *uses,
                                 bool *wanted);
/* Room for `count` values and `more` bytes behind them, to be used until page_uses_end(); NULL: there is
 * none, decode elsewhere. */
struct kept_page *page_cache_new(enum page_form form, uint32_t count, size_t more,
                                 struct page_uses *uses);
/* Decoded, and from now on found by others; `fine` false: it could not be. */
void page_cache_put(struct segment *segment, const struct page_ref *page, struct kept_page *kept,
                    bool fine);
void page_uses_end(struct page_uses *uses);

/* The segment is closed: nobody uses its pages any more. */
void page_cache_forget(struct segment *segment);

/* Free at least `wanted` bytes, as far as they are not in use; gives what was freed. */
size_t page_cache_shrink(size_t wanted);

struct page_cache_stats {
    uint64_t pages, bytes, protected_bytes; /* now */
    uint64_t hits, evicted;
};
void page_cache_stats(struct page_cache_stats *out);

#endif
