/* Golden frames: DENDRO_GOLDEN_DIR is set by the build. */
#include "tests/base/wire_golden.h"

#include "base/io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

struct frame golden_frame(const char *name, enum frame_type type, struct buf *storage)
{
    struct frame frame = {0};
    struct error err = {0};
    struct slice rest;
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/wire/%s.bin", DENDRO_GOLDEN_DIR, name);
    *storage = buf_empty(FRAME_SIZE_MAX);
    if (io_read_file(io_system(), path, storage, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    rest = buf_slice(storage);
    if (frame_read(&rest, FRAME_BODY_SIZE_MAX, &frame, &err) != STATUS_OK)
        fail_msg("%s: %s", name, err.message);
    assert_int_equal(rest.len, 0);
    assert_true(frame.body_intact);
    assert_int_equal(frame.header.type, type);
    return frame;
}
