/* query/read_ahead.c -- a short queue between a thread that scans and one that merges.
 *
 * To find a block (plans of segments, columns of the filter) takes about as long as to write the rows
 * out, so an answer of many rows takes half the time on two processors. */
#include "query/read_ahead.h"

#include "base/memory_budget.h"

#include <pthread.h>
#include <stdlib.h>

/* As many as hide a segment that has to be planned first; blocks of long lines are fewer. */
enum { AHEAD_BLOCKS_MAX = 4, AHEAD_SIZE_MAX = 4 << 20 };

struct found {
    struct block *block;
    int64_t bound;
};

struct read_ahead {
    struct read_ahead_options options;
    bool begun, started; /* the first block was asked for; the thread runs */
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct found queue[AHEAD_BLOCKS_MAX]; /* a ring */
    uint32_t first, count;
    size_t size; /* of the blocks in it */
    bool closing;
    enum status status; /* how the scan ended; OK: not yet */
    struct error err;
};

/* The end of a scan counts only if the query was not over by then: a regex of a query that is over
 * matches nothing (filter_compile.c). */
static enum status find_block(struct read_ahead *ahead, struct found *out, struct error *err)
{
    struct run *run = ahead->options.run;
    enum status late, status = run_check(run, err);

    if (status == STATUS_OK)
        status = scan_next(ahead->options.scan, &out->block, err);
    if (status == STATUS_OK)
        out->bound = scan_bound(ahead->options.scan);
    if (status != STATUS_END && status != STATUS_CANCELLED)
        return status;
    late = run_check(run, err);
    return late != STATUS_OK ? late : status;
}

/* Read here what the merger would read: if that fails, it will see so itself. */
static void load_rows(const struct read_ahead *ahead, struct block *block)
{
    struct error unseen = {0};

    (void)block_order_times(block, &unseen);
    if (ahead->options.times_only) /* of most blocks no row goes out: the merger reads what is left */
        return;
    if (block_source_numbers(block, &unseen) != NULL)
        (void)block_sequences(block, &unseen);
    if (ahead->options.lines)
        block_prepare_lines(block);
}

static bool is_full(const struct read_ahead *ahead)
{
    return ahead->count == AHEAD_BLOCKS_MAX || (ahead->count > 0 && ahead->size > AHEAD_SIZE_MAX);
}

/* False: nobody wants it any more, and it is still the caller's. */
static bool put(struct read_ahead *ahead, struct found found)
{
    bool wanted;

    pthread_mutex_lock(&ahead->lock);
    while (is_full(ahead) && !ahead->closing)
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    wanted = !ahead->closing;
    if (wanted) {
        ahead->queue[(ahead->first + ahead->count++) % AHEAD_BLOCKS_MAX] = found;
        ahead->size += block_memory(found.block);
        pthread_cond_signal(&ahead->changed);
    }
    pthread_mutex_unlock(&ahead->lock);
    return wanted;
}

static void *read_main(void *user)
{
    struct read_ahead *ahead = user;
    struct error err = {0};
    enum status status;

    (void)memory_budget_enter(MEMORY_QUERIES);
    for (;;) {
        struct found found;

        status = find_block(ahead, &found, &err);
        if (status != STATUS_OK)
            break;
        load_rows(ahead, found.block);
        if (!put(ahead, found)) {
            block_release(found.block);
            status = STATUS_END;
            break;
        }
    }
    pthread_mutex_lock(&ahead->lock);
    ahead->status = status;
    ahead->err = err;
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    return NULL;
}

enum status read_ahead_open(const struct read_ahead_options *options, struct read_ahead **out,
                            struct error *err)
{
    struct read_ahead *ahead = calloc(1, sizeof(*ahead));

    if (ahead == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    ahead->options = *options;
    (void)pthread_mutex_init(&ahead->lock, NULL);
    (void)pthread_cond_init(&ahead->changed, NULL);
    *out = ahead;
    return STATUS_OK;
}

static enum status take(struct read_ahead *ahead, struct found *out, struct error *err)
{
    enum status status = STATUS_OK;

    pthread_mutex_lock(&ahead->lock);
    while (ahead->count == 0 && ahead->status == STATUS_OK)
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    if (ahead->count > 0) {
        *out = ahead->queue[ahead->first];
        ahead->first = (ahead->first + 1) % AHEAD_BLOCKS_MAX;
        ahead->count--;
        ahead->size -= block_memory(out->block);
        pthread_cond_signal(&ahead->changed);
    } else {
        status = ahead->status;
        *err = ahead->err;
    }
    pthread_mutex_unlock(&ahead->lock);
    return status;
}

enum status read_ahead_next(struct read_ahead *ahead, struct block **out, int64_t *bound,
                            struct error *err)
{
    struct found found = {0};
    enum status status;

    if (ahead->begun && !ahead->started && !ahead->options.alone)
        ahead->started = pthread_create(&ahead->thread, NULL, read_main, ahead) == 0;
    ahead->begun = true;
    status = ahead->started ? take(ahead, &found, err) : find_block(ahead, &found, err);
    if (status != STATUS_OK)
        return status;
    *out = found.block;
    *bound = found.bound;
    return STATUS_OK;
}

void read_ahead_close(struct read_ahead *ahead)
{
    if (ahead == NULL)
        return;
    pthread_mutex_lock(&ahead->lock);
    ahead->closing = true;
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    scan_stop(ahead->options.scan);
    if (ahead->started)
        pthread_join(ahead->thread, NULL);
    for (; ahead->count > 0; ahead->count--) {
        block_release(ahead->queue[ahead->first].block);
        ahead->first = (ahead->first + 1) % AHEAD_BLOCKS_MAX;
    }
    (void)pthread_cond_destroy(&ahead->changed);
    (void)pthread_mutex_destroy(&ahead->lock);
    free(ahead);
}
