/* Hostile bytes as a manifest record and as a manifest behind a valid CURRENT: read or refused with
 * a sentence, never a crash. */
#include "base/byteorder.h"
#include "store/manifest.h"
#include "tests/support/sim_io.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_segment(void *user, const struct manifest_segment *segment)
{
    char path[PATH_SIZE_MAX];

    (void)user;
    path_segment(path, "/d", segment->day, segment->number);
}

static void on_erased(void *user, uint64_t number, const struct manifest_erased *erased)
{
    char path[PATH_SIZE_MAX];

    (void)user;
    (void)number;
    path_segment(path, "/d", erased->day, erased->segment);
}

static void on_erasure(void *user, const struct manifest_erasure *erasure)
{
    (void)user;
    if (erasure->filter.len > MANIFEST_TEXT_SIZE_MAX)
        abort();
}

static void on_damage(void *user, const char *line)
{
    (void)user;
    if (line[0] == '\0')
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct manifest_visitor visitor = {
        .segment = on_segment, .erasure = on_erasure, .erased = on_erased, .damage = on_damage};
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);
    struct manifest manifest;
    struct buf file = buf_empty(1 << 24);
    struct error err = {0};

    if (manifest_visit(slice_make(data, size), &visitor, &err) != STATUS_OK &&
        err.message[0] == '\0')
        abort();
    /* A real manifest whose tail is the input. */
    if (io_make_dirs(io, "/d", &err) != STATUS_OK ||
        manifest_read(&manifest, io, "/d", &visitor, &err) != STATUS_NOT_FOUND ||
        manifest_roll(&manifest, slice_make(data, size / 2), &err) != STATUS_OK ||
        io_read_file(io, "/d/MANIFEST-0000000000000001", &file, &err) != STATUS_OK)
        abort();
    manifest_release(&manifest);
    if (!buf_append(&file, data, size) ||
        io_replace_file(io, "/d/MANIFEST-0000000000000001", buf_slice(&file), &err) != STATUS_OK)
        abort();
    if (manifest_read(&manifest, io, "/d", &visitor, &err) != STATUS_OK)
        abort();
    manifest_release(&manifest);
    buf_release(&file);
    sim_io_free(sim);
    return 0;
}
