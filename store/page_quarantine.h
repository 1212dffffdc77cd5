/* store/page_quarantine.h -- pages of segments that could not be read, or not what was written.
 *
 * A page that fails twice is set aside: for a while its rows are left out without another try, since
 * a failing disk may take seconds for each, and each query would pay for it. Then it is tried again:
 * what was a cable or a server comes back by itself.
 *
 * The list is of the process; a page is known by its segment's seed, which is random, and its place.
 * Thread safety: any thread. */
#ifndef DENDRO_STORE_PAGE_QUARANTINE_H
#define DENDRO_STORE_PAGE_QUARANTINE_H

#include <stdbool.h>
#include <stdint.h>

enum { QUARANTINE_PAGES_MAX = 1024 }; /* more are read again each time, and counted as failures */
#define QUARANTINE_RETRY_NS 30000000000LL

struct page_place {
    uint64_t seed;   /* of the segment */
    uint64_t offset; /* of the page in the file */
};

/* Is the page set aside, and not to be tried now? */
bool page_quarantine_has(struct page_place place, int64_t now_ns);
/* It failed (again). True: it was not known, so that its first reporter may say so. */
bool page_quarantine_add(struct page_place place, int64_t now_ns);
/* It was read. */
void page_quarantine_remove(struct page_place place);
/* The segment with this seed is gone for good. */
void page_quarantine_forget(uint64_t seed);

struct page_quarantine_stats {
    uint64_t pages;    /* set aside now */
    uint64_t failures; /* reads that failed or gave wrong bytes, the tries of one page each */
    uint64_t retried;  /* that a second try helped */
};
void page_quarantine_stats(struct page_quarantine_stats *out);
void page_quarantine_count_retry(void);

#endif
