/* store/segment_page_writer.c -- pages and their entries (layout: segment_format.h). */
#include "store/segment_page_writer.h"

#include "base/hash.h"

#define REGION_SIZE_MAX ((size_t)2 << 30)

void page_writer_init(struct page_writer *writer, uint64_t seed, int level)
{
    *writer = (struct page_writer){.seed = seed};
    for (unsigned i = 0; i < REGION_COUNT; i++)
        writer->regions[i] = buf_empty(REGION_SIZE_MAX);
    writer->scratch = buf_empty(SEGMENT_PAGE_SIZE_MAX);
    int_encoder_init(&writer->encoder, level);
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

bool page_writer_put_numbers(struct page_writer *writer, enum page_region region,
                             const int64_t *values, uint32_t count, struct buf *entries)
{
    uint64_t hash = hash64_seed(values, count * sizeof(*values), count);

    for (uint32_t i = 0; i < writer->known_count; i++)
        if (writer->known[i].hash == hash)
            return buf_append_varint(entries,
                                     (uint64_t)writer->known[i].entry << 4 | PAGE_AGAIN << 1);
    buf_reset(&writer->scratch);
    if (!int_page_encode(&writer->encoder, values, count, &writer->scratch))
        return false;
    if (writer->scratch.len > SEGMENT_INLINE_SIZE_MAX && writer->known_count < PAGES_KNOWN_MAX)
        writer->known[writer->known_count++] = (struct known_page){hash, writer->entry_count};
    return page_writer_put(writer, region, buf_slice(&writer->scratch), entries);
}

void page_writer_forget(struct page_writer *writer)
{
    writer->known_count = 0;
}
