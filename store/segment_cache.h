/* store/segment_cache.h -- segments that stay open though nobody uses them, with their directories
 * and decoded pages, as far as memory goes: the page cache of the store.
 *
 * What is cached is a whole segment: its directory (0.7 MB for 24 MB of lines) and whatever pages
 * were decoded while it was in use. So a page needs no count of its users, and a second query finds
 * everything that the first one decoded. When there are too many, or the classes MEMORY_CATALOG or
 * MEMORY_PAGES are at their limits, or the process is at its own, the least wanted one is closed.
 *
 * Least wanted: a segmented LRU list (Karedla, Love and Wherry, "Caching strategies to improve disk
 * system performance", 1994). A segment that was used once is on probation; used again while it is
 * here, it is protected. One scan over everything takes no place from those that each dashboard asks
 * for. Protected ones are at most three quarters.
 *
 * The cache is of the process, as the memory budget is.
 * Lock order: the file's lock, then the cache's own; eviction only tries a file's lock.
 * Thread safety: any thread. */
#ifndef DENDRO_STORE_SEGMENT_CACHE_H
#define DENDRO_STORE_SEGMENT_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct segment_file;

enum { SEGMENTS_OPEN_MAX = 256 }; /* a quarter of the usual limit of 1,024 descriptors */

enum segment_cache_list { CACHE_NONE, CACHE_PROBATION, CACHE_PROTECTED, CACHE_LIST_COUNT };

struct segment_cache_links { /* in a struct segment_file; the cache's */
    struct segment_file *newer, *older;
    enum segment_cache_list list;
    bool used_again;
};

/* Nobody uses the open file any more; its lock is held. */
void segment_cache_add(struct segment_file *file);
/* It is used again; its lock is held. */
void segment_cache_remove(struct segment_file *file);
/* It goes, and has no other holder. Fine if it is not here. */
void segment_cache_forget(struct segment_file *file);
/* Close what is too much. No lock of a file is held. */
void segment_cache_trim(void);

/* May `size` more bytes of decoded pages be kept in an open segment? They are charged to
 * MEMORY_PAGES then; segment_cache_drop() when they are freed. False: the user keeps them himself. */
bool segment_cache_keep(size_t size);
void segment_cache_drop(size_t size);

struct segment_cache_stats {
    uint64_t cached, protected; /* segments now */
    uint64_t hits, evicted;     /* used again while here; closed for want of room */
};
void segment_cache_stats(struct segment_cache_stats *out);

#endif
