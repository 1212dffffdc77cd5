/* Hostile bytes as the registry of templates: read as far as they are whole, added to, rolled and read
 * again; what was added is there. */
#include "store/registry.h"
#include "tests/support/sim_io.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct template_seen seen = {UINT64_C(0x123456789abcdef), INT64_MIN};
    static const uint64_t segments[] = {7};
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);
    struct slice content = {size == 0 ? "" : (const char *)data, size};
    struct registry *registry = NULL;
    struct registry_stats before, after;
    int64_t first;

    check(io_make_dirs(io, "/d", NULL) == STATUS_OK);
    check(io_replace_file(io, "/d/registry", content, NULL) == STATUS_OK);
    check(registry_open(io, "/d", &registry, NULL) == STATUS_OK);
    check(registry_add(registry, 0, 7, &seen, 1, NULL) == STATUS_OK);
    registry_stats(registry, &before);
    registry_close(registry);
    check(registry_open(io, "/d", &registry, NULL) == STATUS_OK);
    registry_stats(registry, &after);
    check(after.templates == before.templates && after.segments == before.segments);
    check(registry_first(registry, seen.id, &first) && first == seen.first_ns);
    check(registry_roll(registry, segments, 1, NULL) == STATUS_OK);
    registry_close(registry);
    check(registry_open(io, "/d", &registry, NULL) == STATUS_OK);
    registry_stats(registry, &after);
    check(after.templates == before.templates && after.segments == 1);
    registry_close(registry);
    sim_io_free(sim);
    return 0;
}
