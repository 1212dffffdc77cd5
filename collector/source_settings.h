/* collector/source_settings.h -- what the configuration says about a source by the glob of its
 * path, and what the shipper's labels say. The collector's own file wins, since whoever runs it
 * sees the rows that do not parse.
 * Thread safety: constant after loading. */
#ifndef DENDRO_COLLECTOR_SOURCE_SETTINGS_H
#define DENDRO_COLLECTOR_SOURCE_SETTINGS_H

#include "collector/format.h"

#include <stdint.h>

struct source_override {
    const char *path; /* glob over the whole path; `*` also matches '/' */
    struct slice format, zone, line_prefix, log_format;
    enum field_unit duration_unit;
};

struct source_overrides {
    const struct source_override *items; /* the first that matches counts */
    uint32_t count;
};

/* First override that matches `path`, or NULL. */
const struct source_override *source_override_find(const struct source_overrides *overrides,
                                                   struct slice path);

/* Set what the label says; others are ignored. Slices of `settings` borrow the label. */
void source_settings_label(struct format_settings *settings, struct slice name,
                           struct slice value);
/* Set what the override says. */
void source_settings_override(struct format_settings *settings,
                              const struct source_override *override);

/* "ns", "us", "ms", "s"; UNIT_NONE for others. */
enum field_unit duration_unit_of(struct slice name);

#endif
