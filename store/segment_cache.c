/* store/segment_cache.c -- two lists, newest first. */
#include "store/segment_cache.h"

#include "base/memory_budget.h"
#include "store/catalog.h"
#include "store/page_cache.h"

/* Where no limit is set (tests, the command line). */
#define PAGES_DEFAULT_MAX ((uint64_t)96 << 20)
enum { PROTECTED_SHARE = 3 }; /* times as many as are on probation */
#define TRIM_SIZE ((size_t)4 << 20) /* of pages at a time, before a segment is closed */

struct list {
    struct segment_file *newest, *oldest;
    uint64_t count;
};

static struct {
    pthread_mutex_t lock;
    struct list lists[CACHE_LIST_COUNT];
    uint64_t hits, evicted;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- lists; the lock is held ---- */

static void take_out(struct segment_file *file)
{
    struct segment_cache_links *links = &file->cache;
    struct list *list = &cache.lists[links->list];

    if (links->newer == NULL)
        list->newest = links->older;
    else
        links->newer->cache.older = links->older;
    if (links->older == NULL)
        list->oldest = links->newer;
    else
        links->older->cache.newer = links->newer;
    list->count--;
    *links = (struct segment_cache_links){.used_again = links->used_again};
}

static void put_in(struct segment_file *file, enum segment_cache_list at)
{
    struct list *list = &cache.lists[at];

    file->cache.list = at;
    file->cache.newer = NULL;
    file->cache.older = list->newest;
    if (list->newest == NULL)
        list->oldest = file;
    else
        list->newest->cache.newer = file;
    list->newest = file;
    list->count++;
}

static void demote_oldest(void)
{
    struct segment_file *file = cache.lists[CACHE_PROTECTED].oldest;

    take_out(file);
    file->cache.used_again = false;
    put_in(file, CACHE_PROBATION);
}

void segment_cache_add(struct segment_file *file)
{
    (void)pthread_mutex_lock(&cache.lock);
    put_in(file, file->cache.used_again ? CACHE_PROTECTED : CACHE_PROBATION);
    if (cache.lists[CACHE_PROTECTED].count >
        PROTECTED_SHARE * (cache.lists[CACHE_PROBATION].count + 1))
        demote_oldest();
    (void)pthread_mutex_unlock(&cache.lock);
}

void segment_cache_remove(struct segment_file *file)
{
    (void)pthread_mutex_lock(&cache.lock);
    take_out(file);
    file->cache.used_again = true;
    cache.hits++;
    (void)pthread_mutex_unlock(&cache.lock);
}

void segment_cache_forget(struct segment_file *file)
{
    (void)pthread_mutex_lock(&cache.lock);
    if (file->cache.list != CACHE_NONE)
        take_out(file);
    (void)pthread_mutex_unlock(&cache.lock);
}

/* ---- eviction ---- */

/* The segment of a file that nobody is looking at; it is the caller's. The lock is held. */
static struct segment *take_segment(struct segment_file *file)
{
    struct segment *segment;

    if (pthread_mutex_trylock(&file->lock) != 0)
        return NULL; /* somebody is about to use it */
    segment = file->segment;
    file->segment = NULL;
    file->cache.used_again = false;
    take_out(file);
    (void)pthread_mutex_unlock(&file->lock);
    return segment;
}

static bool evict_one(void)
{
    struct segment *victim = NULL;

    (void)pthread_mutex_lock(&cache.lock);
    for (int at = CACHE_PROBATION; at <= CACHE_PROTECTED && victim == NULL; at++) {
        struct segment_file *file = cache.lists[at].oldest, *newer;

        for (; file != NULL && victim == NULL; file = newer) {
            newer = file->cache.newer;
            victim = take_segment(file);
        }
    }
    cache.evicted += victim != NULL;
    (void)pthread_mutex_unlock(&cache.lock);
    segment_close(victim);
    return victim != NULL;
}

static uint64_t used_by(enum memory_class class)
{
    struct memory_class_state state;

    memory_budget_state(class, &state);
    return state.used;
}

static void reclaim(size_t wanted)
{
    uint64_t before = used_by(MEMORY_CATALOG) + used_by(MEMORY_PAGES);

    (void)page_cache_shrink(wanted);
    while (used_by(MEMORY_CATALOG) + used_by(MEMORY_PAGES) + wanted > before && evict_one())
        continue;
}

static bool too_much(void)
{
    uint64_t count;

    (void)pthread_mutex_lock(&cache.lock);
    count = cache.lists[CACHE_PROBATION].count + cache.lists[CACHE_PROTECTED].count;
    (void)pthread_mutex_unlock(&cache.lock);
    if (memory_budget_over(MEMORY_PAGES, 0))
        (void)page_cache_shrink(TRIM_SIZE);
    return count > SEGMENTS_OPEN_MAX || memory_budget_over(MEMORY_CATALOG, 0) ||
           memory_budget_over(MEMORY_PAGES, 0);
}

void segment_cache_trim(void)
{
    memory_budget_reclaimer(reclaim);
    while (too_much() && evict_one())
        continue;
}

bool segment_cache_keep(size_t size)
{
    uint64_t limit = memory_budget_limit(MEMORY_PAGES);

    if (limit == 0)
        limit = PAGES_DEFAULT_MAX;
    while (used_by(MEMORY_PAGES) + size > limit || memory_budget_over(MEMORY_PAGES, size))
        if (page_cache_shrink(size) == 0 && !evict_one())
            return false;
    memory_budget_charge(MEMORY_PAGES, size);
    return true;
}

void segment_cache_drop(size_t size)
{
    memory_budget_discharge(MEMORY_PAGES, size);
}

void segment_cache_stats(struct segment_cache_stats *out)
{
    (void)pthread_mutex_lock(&cache.lock);
    *out = (struct segment_cache_stats){
        .protected = cache.lists[CACHE_PROTECTED].count,
        .cached = cache.lists[CACHE_PROBATION].count + cache.lists[CACHE_PROTECTED].count,
        .hits = cache.hits,
        .evicted = cache.evicted,
    };
    (void)pthread_mutex_unlock(&cache.lock);
}
