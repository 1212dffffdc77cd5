/* tests/base/wire_golden.h -- read one golden frame of tests/golden/wire/. */
#ifndef DENDRO_TESTS_BASE_WIRE_GOLDEN_H
#define DENDRO_TESTS_BASE_WIRE_GOLDEN_H

#include "base/frame.h"

/* Reads the file into `storage` (the caller releases it), checks that it is one intact frame of
 * `type` and gives it. Fails the running test otherwise. */
struct frame golden_frame(const char *name, enum frame_type type, struct buf *storage);

#endif
