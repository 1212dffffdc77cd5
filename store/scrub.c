/* store/scrub.c -- one pass over the catalog by segment number, in pieces. */
#include "store/scrub.h"

#include "base/cpu_pace.h"
#include "base/diag.h"
#include "base/memory_budget.h"
#include "store/segment_format.h"
#include "store/store_impl.h"

#include <inttypes.h>
#include <stdio.h>

enum { STATE_SIZE_MAX = 200, TICK_SPENT_NS = 50 * 1000000 /* a twentieth of a second */ };
#define SAVE_EVERY_NS (60 * NS_PER_S)

/* ---- how far it came ---- */

/* Without a file, or with one that makes no sense, a pass begins anew: it only costs time. */
static void load(struct store *store)
{
    struct scrub *scrub = &store->scrub;
    struct buf text = buf_empty(STATE_SIZE_MAX);
    struct error ignored = {0};
    char path[PATH_SIZE_MAX];
    int64_t begun, finished, started;
    uint64_t next;

    scrub->loaded = true;
    path_join(path, store->dir, "scrub");
    if (io_read_file(store->io, path, &text, &ignored) == STATUS_OK &&
        buf_append_byte(&text, '\0') &&
        sscanf(text.data, "1 %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNu64, &begun, &finished,
               &started, &next) == 4) {
        atomic_store(&scrub->begun_ns, begun);
        atomic_store(&scrub->finished_ns, finished);
        atomic_store(&scrub->started_ns, started);
        scrub->next_segment = next;
    }
    buf_release(&text);
}

static void save(struct store *store)
{
    struct scrub *scrub = &store->scrub;
    struct error err = {0};
    char path[PATH_SIZE_MAX], text[STATE_SIZE_MAX];

    path_join(path, store->dir, "scrub");
    (void)snprintf(text, sizeof(text), "1 %" PRId64 " %" PRId64 " %" PRId64 " %" PRIu64 "\n",
                   atomic_load(&scrub->begun_ns), atomic_load(&scrub->finished_ns),
                   atomic_load(&scrub->started_ns), scrub->next_segment);
    scrub->saved_ns = io_mono_ns(store->io);
    if (io_replace_file(store->io, path, slice_of(text), &err) != STATUS_OK)
        diag_warn("store: scrub: %s", err.message);
}

/* ---- a pass ---- */

/* Is a pass under way, or due? A clock that was set back makes one due, no more. */
static bool is_due(struct store *store)
{
    struct scrub *scrub = &store->scrub;
    int64_t now = io_wall_ns(store->io), begun = atomic_load(&scrub->begun_ns);

    if (atomic_load(&scrub->started_ns) != 0)
        return true;
    if (begun != 0 && now >= begun && now - begun < SCRUB_INTERVAL_NS)
        return false;
    atomic_store(&scrub->started_ns, now);
    atomic_store(&scrub->begun_ns, now);
    scrub->next_segment = 0;
    return true;
}

static void end_pass(struct store *store)
{
    struct scrub *scrub = &store->scrub;

    atomic_store(&scrub->finished_ns, io_wall_ns(store->io));
    atomic_store(&scrub->started_ns, 0);
    (void)atomic_fetch_add(&scrub->passes, 1);
    save(store);
    diag_info("store: all segments were read and checked; %" PRIu64 " problems since the start",
              atomic_load(&scrub->damaged));
}

/* The file of the next segment, with a reference; NULL: none is left. */
static struct segment_file *next_file(struct store *store)
{
    struct segment_file *next = NULL;

    (void)pthread_mutex_lock(&store->state_lock);
    for (uint32_t i = 0; i < store->catalog->count; i++) {
        struct segment_file *file = store->catalog->files[i];

        if (file->entry.number >= store->scrub.next_segment &&
            (next == NULL || file->entry.number < next->entry.number))
            next = file;
    }
    if (next != NULL)
        (void)segment_file_ref(next);
    (void)pthread_mutex_unlock(&store->state_lock);
    return next;
}

static void leave_segment(struct scrub *scrub)
{
    segment_close(scrub->segment);
    segment_file_unref(scrub->file);
    scrub->segment = NULL;
    scrub->file = NULL;
}

static void note_damage(struct scrub *scrub, const struct error *err)
{
    (void)atomic_fetch_add(&scrub->damaged, 1);
    diag_error("store: scrub: %s", err->message);
}

/* Open the file that is the scrub's turn. One that cannot be opened is a problem, and passed over. */
static enum status enter_segment(struct store *store, struct error *err)
{
    struct scrub *scrub = &store->scrub;
    struct segment_file *file = scrub->file;
    struct error problem = {0};
    enum status status = segment_open(store->io, file->path, &store->names, &scrub->segment,
                                      &problem);

    scrub->next_segment = file->entry.number + 1;
    scrub->next_page = 0;
    if (status == STATUS_OK) {
        (void)pthread_mutex_lock(&file->lock);
        file->quarantine_seed = segment_quarantine(scrub->segment);
        (void)pthread_mutex_unlock(&file->lock);
        return STATUS_OK;
    }
    leave_segment(scrub);
    if (status == STATUS_NO_MEMORY)
        return error_set(err, status, "%s", problem.message);
    note_damage(scrub, &problem);
    return STATUS_OK;
}

static enum status check_pages(struct scrub *scrub, struct error *err)
{
    const struct segment *segment = scrub->segment;
    struct arena arena = arena_empty(SEGMENT_PAGE_SIZE_MAX);
    uint64_t bytes = 0;
    enum status status = STATUS_OK;

    while (scrub->next_page < segment->page_count && bytes < SCRUB_PIECE_SIZE &&
           status != STATUS_NO_MEMORY) {
        const struct page_ref *page = &segment->pages[scrub->next_page++];
        struct error problem = {0};
        struct slice ignored;

        arena_reset(&arena);
        status = segment_page_read(segment, page, &arena, &ignored, NULL, &problem);
        if (status == STATUS_CORRUPT)
            note_damage(scrub, &problem);
        else if (status != STATUS_OK)
            *err = problem;
        bytes += page->in_line == NULL ? page->size : 0;
        (void)atomic_fetch_add(&scrub->pages, 1);
        (void)cpu_pace_rest();
    }
    (void)atomic_fetch_add(&scrub->bytes, bytes);
    arena_release(&arena);
    return status == STATUS_NO_MEMORY ? status : STATUS_OK;
}

enum status scrub_step(struct store *store, struct error *err)
{
    struct scrub *scrub = &store->scrub;
    enum status status;

    if (!scrub->loaded)
        load(store);
    if (!is_due(store))
        return STATUS_END;
    if (scrub->segment == NULL) {
        scrub->file = next_file(store);
        if (scrub->file == NULL) {
            end_pass(store);
            return STATUS_END;
        }
        return enter_segment(store, err);
    }
    status = check_pages(scrub, err);
    if (status != STATUS_OK || scrub->next_page >= scrub->segment->page_count)
        leave_segment(scrub);
    if (io_mono_ns(store->io) - scrub->saved_ns >= SAVE_EVERY_NS)
        save(store);
    return status;
}

void scrub_tick(struct store *store)
{
    uint64_t rate = store->options.scrub_rate, before = atomic_load(&store->scrub.bytes);
    int64_t until_ns = io_mono_ns(store->io) + TICK_SPENT_NS;
    struct error err = {0};
    enum status status = rate == 0 ? STATUS_END : STATUS_OK;

    if (rate > SCRUB_TICK_SIZE_MAX)
        rate = SCRUB_TICK_SIZE_MAX;
    while (status == STATUS_OK && atomic_load(&store->scrub.bytes) - before < rate &&
           io_mono_ns(store->io) < until_ns)
        status = scrub_step(store, &err);
    if (status != STATUS_OK && status != STATUS_END)
        diag_error("store: scrub: %s", err.message);
}

void scrub_release(struct store *store)
{
    leave_segment(&store->scrub);
}

void scrub_stats(struct store *store, struct scrub_stats *out)
{
    const struct scrub *scrub = &store->scrub;

    *out = (struct scrub_stats){
        .started_ns = atomic_load(&scrub->started_ns),
        .finished_ns = atomic_load(&scrub->finished_ns),
        .bytes = atomic_load(&scrub->bytes),
        .pages = atomic_load(&scrub->pages),
        .damaged = atomic_load(&scrub->damaged),
        .passes = atomic_load(&scrub->passes),
    };
}
