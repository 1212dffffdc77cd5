/* store/page_cache.c -- two lists under one lock, and a place per page in each open segment. */
#include "store/page_cache.h"

#include "base/memory_budget.h"

#include <stdlib.h>

/* Where no limit is set (tests, the command line). */
#define PAGES_DEFAULT_MAX ((uint64_t)96 << 20)
/* Larger ones would push out too many others. */
#define PAGE_KEPT_SIZE_MAX ((size_t)4 << 20)

enum { KEPT_SHARE = 4, PROTECTED_SHARE = 4 }; /* all but one part of so many */

struct page_use {
    struct page_use *next;
    struct kept_page *page;
};

struct list {
    struct kept_page *newest, *oldest;
    size_t bytes;
};

static struct {
    pthread_mutex_t lock;
    struct list probation, protected;
    uint64_t pages, hits, evicted;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Stands in the place of a page that was asked for once. */
static struct kept_page asked_once;

static const size_t value_sizes[PAGE_FORM_COUNT] = {
    [PAGE_FORM_NUMBERS] = sizeof(int64_t),
    [PAGE_FORM_CODES] = sizeof(uint32_t),
    [PAGE_FORM_TEXTS] = sizeof(struct slice),
    [PAGE_FORM_BYTES] = 1,
};

/* ---- lists; the lock is held ---- */

static struct list *list_of(const struct kept_page *page)
{
    return page->protected ? &cache.protected : &cache.probation;
}

static void take_out(struct kept_page *page)
{
    struct list *list = list_of(page);

    if (page->newer == NULL)
        list->newest = page->older;
    else
        page->newer->older = page->older;
    if (page->older == NULL)
        list->oldest = page->newer;
    else
        page->older->newer = page->newer;
    page->newer = page->older = NULL;
    list->bytes -= page->size;
}

static void put_in(struct kept_page *page, bool protected)
{
    struct list *list;

    page->protected = protected;
    list = list_of(page);
    page->older = list->newest;
    if (list->newest == NULL)
        list->oldest = page;
    else
        list->newest->newer = page;
    list->newest = page;
    list->bytes += page->size;
}

/* Out of its list and its segment. */
static void detach(struct kept_page *page)
{
    take_out(page);
    *page->home = NULL;
    page->home = NULL;
    cache.pages--;
}

/* The oldest page that nobody uses leaves; NULL: there is none. */
static struct kept_page *evict(void)
{
    struct list *lists[] = {&cache.probation, &cache.protected};

    for (size_t i = 0; i < COUNT_OF(lists); i++)
        for (struct kept_page *page = lists[i]->oldest; page != NULL; page = page->newer)
            if (page->users == 0) {
                detach(page);
                cache.evicted++;
                return page;
            }
    return NULL;
}

/* ---- room ---- */

static void free_page(struct kept_page *page)
{
    memory_budget_discharge(MEMORY_PAGES, page->size);
    free(page->bytes);
    free(page);
}

size_t page_cache_shrink(size_t wanted)
{
    size_t freed = 0;

    while (freed < wanted) {
        struct kept_page *page;

        (void)pthread_mutex_lock(&cache.lock);
        page = evict();
        (void)pthread_mutex_unlock(&cache.lock);
        if (page == NULL)
            break;
        freed += page->size;
        free_page(page);
    }
    return freed;
}

static uint64_t limit_of_pages(void)
{
    uint64_t limit = memory_budget_limit(MEMORY_PAGES);

    return limit == 0 ? PAGES_DEFAULT_MAX : limit;
}

/* All but a quarter of the class: strings and rollups need room beside them. */
static size_t bytes_max(void)
{
    return (size_t)(limit_of_pages() / KEPT_SHARE * (KEPT_SHARE - 1));
}

static bool make_room(size_t size)
{
    struct memory_class_state state;
    size_t kept;

    (void)pthread_mutex_lock(&cache.lock);
    kept = cache.probation.bytes + cache.protected.bytes;
    (void)pthread_mutex_unlock(&cache.lock);
    if (kept + size > bytes_max())
        (void)page_cache_shrink(kept + size - bytes_max());
    memory_budget_state(MEMORY_PAGES, &state);
    if (state.used + size > limit_of_pages())
        (void)page_cache_shrink((size_t)(state.used + size - limit_of_pages()));
    memory_budget_state(MEMORY_PAGES, &state);
    return state.used + size <= limit_of_pages() && !memory_budget_over(MEMORY_PAGES, size);
}

/* ---- pages ---- */

static void use(struct kept_page *page, struct page_use *by, struct page_uses *uses)
{
    *by = (struct page_use){uses->first, page};
    uses->first = by;
}

struct kept_page *page_cache_new(enum page_form form, uint32_t count, size_t more,
                                 struct page_uses *uses)
{
    size_t values = (size_t)count * value_sizes[form];
    size_t size = sizeof(struct kept_page) + values + more;
    struct page_use *by = arena_new(uses->arena, struct page_use, 1);
    struct kept_page *page;

    if (by == NULL || more > PAGE_KEPT_SIZE_MAX || size > PAGE_KEPT_SIZE_MAX || !make_room(size))
        return NULL;
    page = calloc(1, sizeof(*page));
    if (page == NULL)
        return NULL;
    *page = (struct kept_page){.form = form, .count = count, .size = size, .users = 1};
    page->bytes = malloc(values + more + 1);
    if (page->bytes == NULL) {
        free(page);
        return NULL;
    }
    memory_budget_charge(MEMORY_PAGES, size);
    use(page, by, uses);
    return page;
}

/* The page is used again: protected, as far as that list goes. */
static void touch(struct kept_page *page)
{
    page->users++;
    cache.hits++;
    take_out(page);
    put_in(page, true);
    while (cache.protected.bytes > bytes_max() / PROTECTED_SHARE * (PROTECTED_SHARE - 1)) {
        struct kept_page *oldest = cache.protected.oldest;

        take_out(oldest);
        put_in(oldest, false);
    }
}

struct kept_page *page_cache_get(struct segment *segment, const struct page_ref *page,
                                 enum page_form form, uint32_t count, struct page_uses *uses,
                                 bool *wanted)
{
    struct kept_page **home = &segment->kept_pages[page->entry], *found;
    struct page_use *by;

    *wanted = false;
    if (page->in_line != NULL || count == 0)
        return NULL;
    by = arena_new(uses->arena, struct page_use, 1);
    if (by == NULL)
        return NULL;
    (void)pthread_mutex_lock(&cache.lock);
    found = *home;
    *wanted = found == &asked_once;
    if (found == NULL)
        *home = &asked_once;
    if (*wanted || (found != NULL && (found->form != form || found->count != count)))
        found = NULL;
    if (found != NULL)
        touch(found);
    (void)pthread_mutex_unlock(&cache.lock);
    if (found != NULL)
        use(found, by, uses);
    return found;
}

void page_cache_put(struct segment *segment, const struct page_ref *page, struct kept_page *kept,
                    bool fine)
{
    struct kept_page **home = &segment->kept_pages[page->entry];

    if (!fine)
        return; /* it goes with its user */
    (void)pthread_mutex_lock(&cache.lock);
    if (*home == &asked_once || *home == NULL) { /* no other thread was faster */
        *home = kept;
        kept->home = home;
        put_in(kept, false);
        cache.pages++;
    }
    (void)pthread_mutex_unlock(&cache.lock);
}

void page_uses_end(struct page_uses *uses)
{
    struct kept_page *gone = NULL;

    if (uses->first == NULL)
        return;
    (void)pthread_mutex_lock(&cache.lock);
    for (struct page_use *use = uses->first; use != NULL; use = use->next)
        if (--use->page->users == 0 && use->page->home == NULL) {
            use->page->older = gone;
            gone = use->page;
        }
    (void)pthread_mutex_unlock(&cache.lock);
    uses->first = NULL;
    while (gone != NULL) {
        struct kept_page *next = gone->older;

        free_page(gone);
        gone = next;
    }
}

void page_cache_forget(struct segment *segment)
{
    for (uint32_t i = 0; segment->kept_pages != NULL && i < segment->page_count; i++) {
        struct kept_page *page;

        (void)pthread_mutex_lock(&cache.lock);
        page = segment->kept_pages[i];
        if (page != NULL && page != &asked_once)
            detach(page);
        (void)pthread_mutex_unlock(&cache.lock);
        if (page != NULL && page != &asked_once)
            free_page(page);
    }
}

void page_cache_stats(struct page_cache_stats *out)
{
    (void)pthread_mutex_lock(&cache.lock);
    *out = (struct page_cache_stats){
        .pages = cache.pages,
        .bytes = cache.probation.bytes + cache.protected.bytes,
        .protected_bytes = cache.protected.bytes,
        .hits = cache.hits,
        .evicted = cache.evicted,
    };
    (void)pthread_mutex_unlock(&cache.lock);
}
