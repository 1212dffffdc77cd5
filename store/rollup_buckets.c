/* store/rollup_buckets.c -- pages of buckets. */
#include "store/rollup_buckets.h"

#include <stdlib.h>

enum { ROOM_MIN = 64 };

void rollup_buckets_reset(struct rollup_buckets *buckets)
{
    rollup_tally_reset(&buckets->numbers);
    buckets->count = 0;
}

void rollup_buckets_release(struct rollup_buckets *buckets)
{
    rollup_tally_release(&buckets->numbers);
    free(buckets->pages);
    *buckets = (struct rollup_buckets){0};
}

void rollup_buckets_open(struct rollup_buckets *buckets, uint32_t number)
{
    uint32_t room = buckets->room == 0 ? (uint32_t)ROOM_MIN : buckets->room * 2;
    struct bucket_page *grown;

    if (number == buckets->room) {
        grown = realloc(buckets->pages, room * sizeof(*grown));
        if (grown == NULL) {
            buckets->numbers.full = true;
            return;
        }
        buckets->pages = grown;
        buckets->room = room;
    }
    buckets->pages[number] = (struct bucket_page){{0}};
    buckets->numbers.sums[number] = number;
}

uint32_t rollup_buckets_take(const struct rollup_buckets *buckets, uint64_t cell, uint32_t *at,
                             struct rollup_bucket *out)
{
    const uint64_t *keys = buckets->numbers.keys;
    uint32_t count = 0;

    for (; *at < buckets->numbers.count && keys[*at] >> BUCKET_PAGE_KEY_BITS == cell; ++*at) {
        const struct bucket_page *page = &buckets->pages[buckets->numbers.sums[*at]];
        uint32_t first = (uint32_t)(keys[*at] << BUCKET_PAGE_BITS & (ROLLUP_BUCKETS_MAX - 1));

        for (uint32_t i = 0; i < BUCKET_PAGE_SIZE; i++)
            if (page->values[i] != 0)
                out[count++] =
                    (struct rollup_bucket){.bucket = first + i, .values = page->values[i]};
    }
    return count;
}
