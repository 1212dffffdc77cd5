/* shipper/rotated_name.h -- which name may a rotated file have had before?
 * Thread safety: pure functions. */
#ifndef DENDRO_SHIPPER_ROTATED_NAME_H
#define DENDRO_SHIPPER_ROTATED_NAME_H

#include "shipper/limits.h"

#include <stdbool.h>
#include <stddef.h>

/* "/log/a.log.1", "/log/a.log-20260922.gz", "/log/a.2026-09-22.log", "/log/a.log.old" may have
 * been "/log/a.log". A name may be read in several ways: call until false, with *at 0 at first.
 * `path` is absolute and shorter than GLOB_SIZE_MAX. */
bool rotated_name_before(const char *path, size_t *at, char before[GLOB_SIZE_MAX]);

#endif
