/* A valid data directory with changed bytes: it opens, answers and verifies, or refuses with a
 * sentence; never a crash. The input is a list of changes: file, place, bits. */
#include "base/byteorder.h"
#include "store/scan.h"
#include "store/store.h"
#include "tests/support/sim_io.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES = 40, CHANGES_MAX = 16 };

static const char *const files[] = {
    "/d/CURRENT",
    "/d/MANIFEST-0000000000000001",
    "/d/wal/0000000000000001.wal",
    "/d/wal/0000000000000002.wal",
    "/d/segments/20260101/0000000000000001.seg",
};

static struct store_options options_of(struct sim_io *sim)
{
    return (struct store_options){.dir = "/d",
                                  .io = sim_io_table(sim),
                                  .shard_count = 1,
                                  .manual = true,
                                  .wal_file_size = 8192,
                                  .reserve_size = 1,
                                  .free_bytes_min = 1};
}

static void append(struct store *store, uint64_t first)
{
    static char text[LINES][48];
    struct event events[LINES];
    struct event_field fields[LINES][2];
    struct event_source source = {.geo = SLICE_LITERAL("eu"), .host = SLICE_LITERAL("h")};
    struct slice formats[2] = {SLICE_LITERAL("a"), SLICE_LITERAL("b")};
    struct label label = {SLICE_LITERAL("mode"), SLICE_LITERAL("idle")};
    struct sample sample = {.time_ns = 1767225600000000000,
                            .value = 1.5,
                            .label_count = 1,
                            .metric = SLICE_LITERAL("cpu"),
                            .labels = &label};
    struct watermark watermark = {.durable_offset = first + LINES};
    struct loss loss = {.to_offset = 1, .time_ns = 5, .reason = SLICE_LITERAL("DELETED")};
    struct batch batch = {.sources = &source,
                          .formats = formats,
                          .events = events,
                          .samples = &sample,
                          .watermarks = &watermark,
                          .losses = &loss,
                          .open_events = events,
                          .source_count = 1,
                          .format_count = 2,
                          .event_count = LINES,
                          .sample_count = 1,
                          .watermark_count = 1,
                          .loss_count = 1,
                          .open_event_count = 1};
    struct error err = {0};

    for (uint32_t i = 0; i < LINES; i++) {
        int len = snprintf(text[i], sizeof(text[i]), "%u GET /a/b%u/c", 200 + i % 4, i);

        fields[i][0] = (struct event_field){.field = FIELD_ID_STATUS, .type = FIELD_INT, .len = 3};
        fields[i][1] = (struct event_field){.field = FIELD_ID_PATH, .start = 8, .len = 4};
        events[i] = (struct event){.time_ns = 1767225600000000000 + (int64_t)i,
                                   .bytes = {text[i], (size_t)len},
                                   .offset = first + i,
                                   .source_len = 1,
                                   .format = i & 1,
                                   .field_count = 2,
                                   .fields = fields[i]};
    }
    if (store_append(store, 0, &batch, NULL, NULL, &err) != STATUS_OK ||
        store_step(store, &err) != STATUS_OK)
        abort();
}

static struct sim_io *valid_directory(void)
{
    struct sim_io *sim = sim_io_new(1);
    struct store_options options = options_of(sim);
    struct store *store;
    struct error err = {0};

    if (store_open(&options, &store, &err) != STATUS_OK)
        abort();
    append(store, 0);
    if (store_seal(store, &err) != STATUS_OK)
        abort();
    append(store, LINES);
    append(store, 2 * LINES);
    store_close(store);
    return sim;
}

static void change(struct sim_io *sim, struct slice changes)
{
    uint8_t file, bits;
    uint16_t place;

    for (int i = 0; i < CHANGES_MAX && take_u8(&changes, &file) && take_u16(&changes, &place) &&
                    take_u8(&changes, &bits);
         i++) {
        const char *path = files[file % COUNT_OF(files)];

        if (bits == 0)
            (void)sim_io_cut(sim, path, place);
        else
            (void)sim_io_flip(sim, path, place, bits);
    }
}

static void query(struct store *store, enum scan_table table)
{
    struct predicate range = {
        .kind = PRED_RANGE, .field = FIELD_ID_STATUS, .low = 201, .high = 202};
    struct scan_options options = {.time_min_ns = INT64_MIN,
                                   .time_max_ns = INT64_MAX,
                                   .table = table,
                                   .order = SCAN_NEWEST,
                                   .open_events = true,
                                   .filter = table == SCAN_EVENTS ? &range : NULL};
    struct scan *scan;
    struct block *block;
    struct error err = {0};

    if (scan_open(store, &options, &scan, &err) != STATUS_OK)
        abort();
    while (scan_next(scan, &block, &err) == STATUS_OK) {
        struct buf text = buf_empty(1 << 20);
        uint32_t count;
        const field_id *fields = block_fields(block, &count);

        for (uint32_t row = 0; row < block_row_count(block); row++)
            if (block_render(block, row, &text, &err) != STATUS_OK && err.message[0] == '\0')
                abort();
        for (uint32_t i = 0; i < count; i++) {
            struct column column;

            if (block_column(block, fields[i], i & 1, &column, &err) != STATUS_OK &&
                err.message[0] == '\0')
                abort();
        }
        buf_release(&text);
        block_release(block);
    }
    scan_close(scan);
}

static void on_line(void *user, const char *line)
{
    (void)user;
    if (line[0] == '\0')
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sim_io *sim = valid_directory();
    struct store_options options = options_of(sim);
    struct store *store;
    struct error err = {0};
    uint64_t problems;

    change(sim, slice_make(data, size));
    if (store_open(&options, &store, &err) == STATUS_OK) {
        query(store, SCAN_EVENTS);
        query(store, SCAN_SAMPLES);
        store_report(store, on_line, NULL);
        store_close(store);
    } else if (err.message[0] == '\0') {
        abort();
    }
    if (store_verify(sim_io_table(sim), "/d", on_line, NULL, &problems, &err) != STATUS_OK &&
        err.message[0] == '\0')
        abort();
    sim_io_free(sim);
    return 0;
}
