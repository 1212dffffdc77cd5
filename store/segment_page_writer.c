/* store/segment_page_writer.c -- pages and their entries (layout: segment_format.h). */
#include "store/segment_page_writer.h"

#include "base/hash.h"

#define REGION_SIZE_MAX ((size_t)2 << 30)
#define MARK_MULTIPLIER 0x9e3779b97f4a7c15u /* 2^64 / golden ratio, odd */

enum { MARK_COUNT = 16 };

void page_writer_init(struct page_writer *writer, uint64_t seed)
{
    *writer = (struct page_writer){.seed = seed};
    for (unsigned i = 0; i < REGION_COUNT; i++)
        writer->regions[i] = buf_empty_spare(REGION_SIZE_MAX);
    writer->scratch = buf_empty(SEGMENT_PAGE_SIZE_MAX);
    int_encoder_init(&writer->encoder);
}

void page_writer_release(struct page_writer *writer)
{
    for (unsigned i = 0; i < REGION_COUNT; i++)
        buf_release(&writer->regions[i]);
    buf_release(&writer->scratch);
    int_encoder_release(&writer->encoder);
}

bool page_writer_put(struct page_writer *writer, enum page_region region, struct slice page,
                     struct buf *entries)
{
    struct buf *out = &writer->regions[region];
    uint64_t seed = segment_page_seed(writer->seed, region, out->len);

    writer->entry_count++;
    if (page.len <= SEGMENT_INLINE_SIZE_MAX)
        return buf_append_varint(entries, page.len << 4 | (uint64_t)region << 1 | 1) &&
               buf_append_slice(entries, page);
    return page.len < SEGMENT_PAGE_SIZE_MAX &&
           buf_append_varint(entries, page.len << 4 | (uint64_t)region << 1) &&
           buf_append_u32(entries, (uint32_t)hash64_seed(page.data, page.len, seed)) &&
           buf_append_slice(out, page);
}

/* Few columns are equal: some of their numbers tell most apart. */
static uint64_t mark_of(const int64_t *values, uint32_t count)
{
    uint32_t step = count / MARK_COUNT + 1;
    uint64_t mark = count;

    for (uint32_t i = 0; i < count; i += step)
        mark = ((mark << 5 | mark >> 59) ^ (uint64_t)values[i]) * MARK_MULTIPLIER;
    return mark;
}

static const struct known_page *find_known(const struct page_writer *writer,
                                           const struct known_page *page)
{
    for (uint32_t i = 0; i < writer->known_count; i++) {
        const struct known_page *known = &writer->known[i];

        if (known->mark == page->mark && known->count == page->count &&
            memcmp(known->values, page->values, page->count * sizeof(*page->values)) == 0)
            return known;
    }
    return NULL;
}

bool page_writer_put_numbers(struct page_writer *writer, enum page_region region,
                             const int64_t *values, uint32_t count, struct buf *entries)
{
    struct known_page page = {values, mark_of(values, count), count, writer->entry_count};
    const struct known_page *known = find_known(writer, &page);

    if (known != NULL)
        return buf_append_varint(entries, (uint64_t)known->entry << 4 | PAGE_AGAIN << 1);
    buf_reset(&writer->scratch);
    if (!int_page_encode(&writer->encoder, values, count, &writer->scratch))
        return false;
    if (writer->scratch.len > SEGMENT_INLINE_SIZE_MAX && writer->known_count < PAGES_KNOWN_MAX)
        writer->known[writer->known_count++] = page;
    return page_writer_put(writer, region, buf_slice(&writer->scratch), entries);
}

void page_writer_forget(struct page_writer *writer)
{
    writer->known_count = 0;
}
