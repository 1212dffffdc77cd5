/* store/chunk_facts.c -- column by column: what describes a column then stays in registers. */
#include "store/chunk_facts.h"

#include "store/chunk_impl.h"

/* Rows whose facts stay in the nearest cache while the columns are read. */
enum { FACTS_BLOCK = 128 };

static void take_times(const struct chunk *chunk, uint32_t first, uint32_t count,
                       struct row_facts *out)
{
    const struct chunk_column times = chunk->columns[CHUNK_TIMES];
    const struct chunk_column orders = chunk->columns[CHUNK_ORDERS];

    for (uint32_t i = 0; i < count; i++) {
        out[i].time_ns = (int64_t)chunk_column_at(&times, first + i);
        out[i].order_distance_ns = (int64_t)chunk_column_at(&orders, first + i);
        out[i].sequence = chunk_row_sequence(chunk, first + i);
    }
}

static void take_texts(const struct chunk *chunk, uint32_t first, uint32_t count,
                       struct row_facts *out)
{
    const struct chunk_column texts = chunk->columns[CHUNK_TEXTS];
    const struct chunk_column lens = chunk->columns[CHUNK_SOURCE_LENS];
    const char *text = chunk->text.data;
    uint32_t at = (uint32_t)chunk_column_at(&texts, first);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t end = (uint32_t)chunk_column_at(&texts, first + i + 1);

        out[i].bytes = text + at;
        out[i].size = end - at;
        out[i].source_len = end - at + (uint32_t)chunk_column_at(&lens, first + i);
        at = end;
    }
}

static void take_offsets(const struct chunk *chunk, uint32_t first, uint32_t count,
                         struct row_facts *out)
{
    const struct chunk_column sources = chunk->columns[CHUNK_SOURCES];
    const struct chunk_column offsets = chunk->columns[CHUNK_OFFSETS];
    const uint64_t *source_offsets = chunk->source_offsets;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t source = (uint32_t)chunk_column_at(&sources, first + i);

        out[i].source = source;
        out[i].offset = source_offsets[source] + chunk_column_at(&offsets, first + i);
    }
}

static void take_formats(const struct chunk *chunk, uint32_t first, uint32_t count,
                         struct row_facts *out)
{
    const struct chunk_column fields = chunk->columns[CHUNK_FIELDS];
    const struct chunk_column formats = chunk->columns[CHUNK_FORMATS];

    for (uint32_t i = 0; i < count; i++) {
        out[i].place = (uint32_t)chunk_column_at(&fields, first + i);
        out[i].format = (uint16_t)chunk_column_at(&formats, first + i);
    }
}

static void take_levels(const struct chunk *chunk, uint32_t first, uint32_t count,
                        struct row_facts *out)
{
    const struct chunk_column levels = chunk->columns[CHUNK_LEVELS];
    const struct chunk_column flags = chunk->columns[CHUNK_FLAGS];

    for (uint32_t i = 0; i < count; i++) {
        out[i].level = (uint8_t)chunk_column_at(&levels, first + i);
        out[i].flags = (uint8_t)chunk_column_at(&flags, first + i);
    }
}

void chunk_facts(const struct chunk *chunk, struct row_facts *out)
{
    for (uint32_t first = 0; first < chunk->row_count; first += FACTS_BLOCK) {
        uint32_t left = chunk->row_count - first, count = left < FACTS_BLOCK ? left : FACTS_BLOCK;

        take_times(chunk, first, count, out + first);
        take_texts(chunk, first, count, out + first);
        take_offsets(chunk, first, count, out + first);
        take_formats(chunk, first, count, out + first);
        take_levels(chunk, first, count, out + first);
    }
}
