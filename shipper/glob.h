/* shipper/glob.h -- match absolute paths against patterns, component by component.
 * Thread safety: pure functions. */
#ifndef DENDRO_SHIPPER_GLOB_H
#define DENDRO_SHIPPER_GLOB_H

#include "base/slice.h"

#include <stdbool.h>

/* Cut the first component off "a/b/c": gives "a", leaves "b/c". Slashes in a row are one. */
struct slice glob_component(struct slice *rest);
/* Does `name` match one component? A leading dot is matched by a dot only. `*` and `?` match any
 * byte, [a-z] and [!a-z] sets. */
bool glob_match_component(struct slice pattern, struct slice name);
bool glob_is_literal(struct slice component);   /* no * ? [ */
bool glob_is_any_depth(struct slice component); /* ** */
/* The whole path; ** matches zero and more directories. */
bool glob_match_path(struct slice pattern, struct slice path);

#endif
