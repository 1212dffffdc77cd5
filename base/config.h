/* base/config.h -- read YAML settings through option tables.
 * A mistake is reported with file, line, column, the key, what was expected and, for a misspelt
 * key, the nearest valid one. Unknown and repeated keys are mistakes. Not taken: aliases and
 * anchors (a small file could mean a huge one), tags, several documents, more than 1 MiB, more than
 * 16 levels. Thread safety: functions touch only their arguments. */
#ifndef DENDRO_BASE_CONFIG_H
#define DENDRO_BASE_CONFIG_H

#include "base/io.h"
#include "base/option.h"

enum { CONFIG_SIZE_MAX = 1 << 20, CONFIG_DEPTH_MAX = 16 };

/* Read `path` into the struct at `base`, which has its defaults (option_presets()) or values already;
 * what the file names is replaced. Texts and lists live in `arena`.
 * Errors: NOT_FOUND, IO  the file
 *         INVALID        a mistake in it; `base` is then half filled
 *         TOO_LARGE, NO_MEMORY */
enum status config_load(struct io *io, const char *path, const struct option_table *table,
                        void *base, struct arena *arena, struct error *err) WARN_UNUSED;

/* The same from memory; `name` stands in the messages. */
enum status config_parse(struct slice text, const char *name, const struct option_table *table,
                         void *base, struct arena *arena, struct error *err) WARN_UNUSED;

#endif
