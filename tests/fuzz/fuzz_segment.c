/* tests/fuzz/fuzz_segment.c -- any bytes as the directory of a segment, under the right hash: opening
 * and reading it may fail, but not crash or run without end. */
#include "base/hash.h"
#include "store/rollup_answer.h"
#include "store/rollup_sums.h"
#include "store/sample_rollup.h"
#include "store/segment_format.h"
#include "store/segment_plan.h"
#include "store/zstd_context.h"
#include "tests/support/segment_names.h"
#include "tests/support/sim_io.h"

#include <stdlib.h>

static struct test_names names;

static void ignore(void *user, const char *line)
{
    (void)user;
    (void)line;
}

/* The bytes as a page of values with streams: its three parts are as long as its first bytes say. */
static void decode_streams(struct slice raw)
{
    static const struct rollup_bounds bounds = {
        .families = 8, .origins = 8, .formats = 8, .streams = true, .bunches = true};
    struct arena arena = arena_empty(1 << 24);
    struct buf page = buf_empty(1 << 24);
    struct rollup_values values;

    for (int i = 0; i < 3; i++) {
        size_t len = i == 2 || raw.len == 0 ? raw.len : (unsigned char)raw.data[0];
        struct slice part = slice_first(raw, len < raw.len ? len : raw.len);
        struct buf frame = buf_empty(1 << 24);

        if ((part.len > 0 && !zstd_append(&frame, part, 1)) ||
            !buf_append_varint(&page, part.len) || !buf_append_varint(&page, frame.len) ||
            !buf_append_slice(&page, buf_slice(&frame)))
            abort();
        raw = slice_from(raw, part.len);
        buf_release(&frame);
    }
    if (rollup_values_decode(buf_slice(&page), &bounds, &arena, &values))
        for (uint32_t i = 0; i < values.cell_count; i++)
            if (values.cells[i].first_bucket + values.cells[i].bucket_count > values.bucket_count)
                abort();
    buf_release(&page);
    arena_release(&arena);
}

/* The bytes as the inside of the one chunk of a page of cells. */
static void decode_cells(struct slice raw)
{
    struct arena arena = arena_empty(1 << 24);
    struct buf frame = buf_empty(1 << 24);
    struct sample_page page = {.step_ns = SAMPLE_STEP_SHORT_NS, .series_count = 4};
    struct sample_chunk chunk = {.series_count = 4, .cell_count = 6, .raw_size = raw.len};
    struct sample_rollups cells;

    if (!zstd_append(&frame, raw, 1))
        abort();
    chunk.frame = buf_slice(&frame);
    if (sample_page_chunk(&page, &chunk, &arena, &cells))
        for (uint32_t i = 0; i < cells.series_count; i++)
            if (cells.series[i].first_cell + cells.series[i].cell_count > cells.cell_count)
                abort();
    (void)sample_page_open(raw, 4, &arena, &page);
    buf_release(&frame);
    arena_release(&arena);
}

/* The bytes as the inside of all kinds of rollup pages. */
static void decode_rollups(struct slice raw)
{
    static const struct rollup_bounds bounds = {.families = 8, .origins = 8, .formats = 8};
    static const struct rollup_sums_bounds sums_bounds = {
        .families = 8, .groups = 8, .formats = 8, .fields = 8, .tenants = 8};
    struct arena arena = arena_empty(1 << 24);
    struct buf page = buf_empty(1 << 24);
    struct rollup_counts counts;
    struct rollup_values values;
    struct rollup_sums sums;

    if (!buf_append_varint(&page, raw.len) || !zstd_append(&page, raw, 1))
        abort();
    if (rollup_counts_decode(buf_slice(&page), &bounds, &arena, &counts))
        for (uint32_t i = 0; i < counts.unit_count; i++)
            if (counts.units[i].family >= bounds.families ||
                counts.units[i].first_cell + counts.units[i].cell_count > counts.cell_count)
                abort();
    if (rollup_values_decode(buf_slice(&page), &bounds, &arena, &values))
        for (uint32_t i = 0; i < values.cell_count; i++)
            if (values.cells[i].first_bucket + values.cells[i].bucket_count > values.bucket_count)
                abort();
    if (rollup_sums_decode(buf_slice(&page), &sums_bounds, &arena, &sums))
        for (uint32_t i = 0; i < sums.bunch_count; i++)
            if (sums.bunches[i].first_cell + sums.bunches[i].cell_count > sums.cell_count ||
                sums.bunches[i].first_family + sums.bunches[i].family_count > sums.family_count)
                abort();
    buf_release(&page);
    arena_release(&arena);
}

/* header | no pages | directory | footer */
static void make_file(struct sim_io *sim, struct slice directory)
{
    char header[SEGMENT_HEADER_SIZE] = SEGMENT_MAGIC, footer[SEGMENT_FOOTER_SIZE] = {0};
    struct buf file = buf_empty(1 << 24);
    struct hash128 hash;
    struct error err = {0};
    int fd = -1;

    header[8] = SEGMENT_VERSION;
    (void)buf_append(&file, header, sizeof(header));
    (void)zstd_append(&file, directory, 1);
    hash = hash128(file.data + sizeof(header), file.len - sizeof(header), 0);
    memcpy(footer + 48, &(uint64_t){sizeof(header)}, 8);
    memcpy(footer + 56, &(uint64_t){file.len - sizeof(header)}, 8);
    memcpy(footer + 64, &(uint64_t){directory.len}, 8);
    memcpy(footer + 72, &hash, 16);
    footer[112] = SEGMENT_VERSION;
    memcpy(footer + 120, SEGMENT_END_MAGIC, 8);
    (void)buf_append(&file, footer, sizeof(footer));
    if (io_open(sim_io_table(sim), "/one.seg", IO_WRITE | IO_CREATE, &fd, &err) != STATUS_OK ||
        io_write_all(sim_io_table(sim), fd, file.data, file.len, 0, "/one.seg", &err) != STATUS_OK)
        abort();
    io_close(sim_io_table(sim), &fd);
    buf_release(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct predicate filter = {
        .kind = PRED_TEXT, .field = FIELD_ID_MSG, .match = TEXT_SUBSTRING, .text = {"abcd", 4}};
    struct scan_options options = {
        .time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX, .filter = &filter};
    struct sim_io *sim = sim_io_new(1);
    struct segment *segment;
    struct segment_plan *plan;
    struct scan_cost cost = {0};
    struct error err = {0};
    static const struct rollup_wish wish = {.by_origin = true,
                                            .by_time = true,
                                            .step_ns = ROLLUP_VALUE_NS,
                                            .values = {FIELD_ID_DURATION},
                                            .value_count = 1};
    static const struct rollup_wish tenant_wish = {.by_origin = true,
                                                   .by_tenant = true,
                                                   .by_time = true,
                                                   .step_ns = ROLLUP_SUM_NS,
                                                   .values = {FIELD_ID_BYTES},
                                                   .value_count = 1};
    uint64_t problems = 0;

    if (names.fields.names == NULL)
        test_names_init(&names);
    decode_rollups(slice_make(data, size));
    decode_cells(slice_make(data, size));
    decode_streams(slice_make(data, size));
    make_file(sim, slice_make(data, size));
    if (segment_open(sim_io_table(sim), "/one.seg", &names.segment, &segment, &err) == STATUS_OK) {
        if (segment_verify(segment, ignore, NULL, &problems, &err) != STATUS_OK)
            problems++;
        if (segment_plan_make(segment, &options, &plan, &err) == STATUS_OK) {
            if (rollup_answer_make(plan, &wish, &err) != STATUS_OK ||
                rollup_answer_make(plan, &tenant_wish, &err) != STATUS_OK)
                problems++;
            for (uint32_t i = 0; i < segment_block_count(segment); i++) {
                struct block *block;

                if (segment_block(segment, plan, i, &cost, &block, &err) == STATUS_OK)
                    block_release(block);
            }
            segment_plan_free(plan);
        }
        segment_close(segment);
    }
    sim_io_free(sim);
    return 0;
}
