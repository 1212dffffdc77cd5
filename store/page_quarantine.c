/* store/page_quarantine.c -- a short array: it is empty but on a failing disk. */
#include "store/page_quarantine.h"

#include <pthread.h>
#include <stdatomic.h>

struct entry {
    struct page_place place;
    int64_t retry_ns; /* monotonic */
};

static struct {
    pthread_mutex_t lock;
    struct entry entries[QUARANTINE_PAGES_MAX];
    _Atomic uint32_t count; /* looked at without the lock: 0 is the usual case */
    _Atomic uint64_t failures, retried;
} quarantine = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint32_t find(struct page_place place)
{
    uint32_t count = atomic_load(&quarantine.count), at = 0;

    while (at < count && (quarantine.entries[at].place.seed != place.seed ||
                          quarantine.entries[at].place.offset != place.offset))
        at++;
    return at;
}

static void remove_at(uint32_t at)
{
    uint32_t last = atomic_fetch_sub(&quarantine.count, 1) - 1;

    quarantine.entries[at] = quarantine.entries[last];
}

bool page_quarantine_has(struct page_place place, int64_t now_ns)
{
    uint32_t at;
    bool has;

    if (atomic_load(&quarantine.count) == 0)
        return false;
    (void)pthread_mutex_lock(&quarantine.lock);
    at = find(place);
    has = at < atomic_load(&quarantine.count) && now_ns < quarantine.entries[at].retry_ns;
    (void)pthread_mutex_unlock(&quarantine.lock);
    return has;
}

bool page_quarantine_add(struct page_place place, int64_t now_ns)
{
    uint32_t at, count;
    bool fresh;

    (void)atomic_fetch_add(&quarantine.failures, 1);
    (void)pthread_mutex_lock(&quarantine.lock);
    at = find(place);
    count = atomic_load(&quarantine.count);
    fresh = at == count;
    if (fresh && count < QUARANTINE_PAGES_MAX)
        atomic_store(&quarantine.count, count + 1);
    if (at < QUARANTINE_PAGES_MAX)
        quarantine.entries[at] = (struct entry){place, now_ns + QUARANTINE_RETRY_NS};
    (void)pthread_mutex_unlock(&quarantine.lock);
    return fresh;
}

void page_quarantine_remove(struct page_place place)
{
    uint32_t at;

    if (atomic_load(&quarantine.count) == 0)
        return;
    (void)pthread_mutex_lock(&quarantine.lock);
    at = find(place);
    if (at < atomic_load(&quarantine.count))
        remove_at(at);
    (void)pthread_mutex_unlock(&quarantine.lock);
}

void page_quarantine_forget(uint64_t seed)
{
    if (atomic_load(&quarantine.count) == 0)
        return;
    (void)pthread_mutex_lock(&quarantine.lock);
    for (uint32_t at = atomic_load(&quarantine.count); at > 0; at--)
        if (quarantine.entries[at - 1].place.seed == seed)
            remove_at(at - 1);
    (void)pthread_mutex_unlock(&quarantine.lock);
}

void page_quarantine_stats(struct page_quarantine_stats *out)
{
    *out = (struct page_quarantine_stats){
        .pages = atomic_load(&quarantine.count),
        .failures = atomic_load(&quarantine.failures),
        .retried = atomic_load(&quarantine.retried),
    };
}

void page_quarantine_count_retry(void)
{
    (void)atomic_fetch_add(&quarantine.retried, 1);
}
