/* Hostile bytes as a batch of the WAL and as a WAL file: refused or read whole, never a crash. With an
 * odd first byte the rest is one record's payload under right checksums, else a whole file. */
#include "store/chunk.h"
#include "store/wal.h"
#include "store/wal_format.h"
#include "tests/support/sim_io.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct chunk_tables tables_new(void)
{
    struct chunk_tables tables = {malloc(sizeof(struct name_table)),
                                  malloc(sizeof(struct name_table)),
                                  malloc(sizeof(struct source_table))};
    struct error err = {0};

    if (tables.fields == NULL || tables.formats == NULL || tables.sources == NULL ||
        name_table_init(tables.fields, &err) != STATUS_OK ||
        name_table_init(tables.formats, &err) != STATUS_OK ||
        source_table_init(tables.sources, &err) != STATUS_OK)
        abort();
    return tables;
}

static void tables_free(struct chunk_tables *tables)
{
    name_table_release(tables->fields);
    name_table_release(tables->formats);
    source_table_release(tables->sources);
    free(tables->fields);
    free(tables->formats);
    free(tables->sources);
}

/* Everything that later code reads without checks. */
static void walk(const struct chunk *chunk)
{
    struct event_field *fields = malloc(EVENT_FIELDS_MAX * sizeof(*fields));
    uint64_t sum = 0;

    for (uint32_t i = 0; i < chunk->row_count + chunk->open_count && fields != NULL; i++) {
        struct chunk_row row = chunk_row_at(chunk, i);
        struct event event;

        chunk_event(chunk, &row, fields, &event);
        for (size_t k = 0; k < event.bytes.len; k++)
            sum += (unsigned char)event.bytes.data[k];
        for (uint32_t k = 0; k < event.field_count; k++)
            if (fields[k].text.data == NULL &&
                (uint64_t)fields[k].start + fields[k].len > event.bytes.len)
                abort();
        sum += chunk->source_numbers[row.source];
    }
    if (sum == 1) /* keeps the reads */
        fields = realloc(fields, 1);
    free(fields);
}

static void try_chunk(struct slice bytes)
{
    struct chunk_tables tables = tables_new();
    struct buf payload = buf_empty(CHUNK_SIZE_MAX);
    struct chunk *chunk;
    struct error err = {0};

    if (buf_append_slice(&payload, bytes)) {
        if (chunk_new(&payload, &tables, &chunk, &err) == STATUS_OK) {
            walk(chunk);
            chunk_unref(chunk);
        } else if (err.message[0] == '\0') {
            abort();
        }
    }
    tables_free(&tables);
}

static void on_record(void *user, const struct wal_record *record, struct buf *payload)
{
    (void)user;
    (void)record;
    (void)payload;
}

static void on_damage(void *user, const char *path, uint64_t from, uint64_t to, const char *what)
{
    (void)user;
    (void)path;
    if (from > to || what[0] == '\0')
        abort();
}

static void try_file(struct slice bytes)
{
    struct wal_replay_visitor visitor = {on_record, on_damage, NULL};
    struct wal_file_header header = {.file_number = 1, .salt = 1};
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);
    struct wal *wal = malloc(sizeof(*wal));
    struct buf file = buf_empty(1 << 24);
    struct error err = {0};

    if (wal == NULL || !buf_reserve(&file, WAL_FILE_HEADER_SIZE))
        abort();
    wal_file_header_put(file.data, &header);
    buf_commit(&file, WAL_FILE_HEADER_SIZE);
    if (!buf_append_slice(&file, bytes) || io_make_dirs(io, "/w", &err) != STATUS_OK ||
        io_replace_file(io, "/w/0000000000000001.wal", buf_slice(&file), &err) != STATUS_OK ||
        wal_init(wal, io, "/w", 0, 4096, &err) != STATUS_OK ||
        wal_replay(wal, 0, true, &visitor, &err) != STATUS_OK)
        abort();
    wal_release(wal);
    free(wal);
    buf_release(&file);
    sim_io_free(sim);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_make(data, size);
    uint8_t kind;

    if (!take_u8(&rest, &kind))
        return 0;
    if (kind & 1)
        try_chunk(rest);
    else
        try_file(rest);
    return 0;
}
