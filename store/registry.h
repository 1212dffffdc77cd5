/* store/registry.h -- when each template was seen first, over the whole life of a store.
 *
 * The registry knows ids and times only, no text: the text of a template is in the segments that have
 * it, and so goes with them when rows are erased. It is a cache of what segments say: which ones it
 * knows is written beside the times, and those that it does not know are read by
 * store_templates_sync(). So a lost, cut or damaged file costs work and nothing else, and nothing
 * is synced. What is only here: the first time of a template whose segments retention has dropped.
 *
 * File `registry`, integers little-endian:
 *   offset  size  field
 *        0     8  magic     "DNREG\r\n\0"
 *        8     4  version
 *       12     4  reserved  0
 *       16        records, one behind the other:
 *        0     4  count     of templates, up to REGISTRY_RECORD_MAX
 *        4     4  reserved  0
 *        8     8  segment   number of the segment whose templates these are; 0: of several
 *       16     8  checksum  XXH3-64 of the entries, seeded with XXH3-64 of bytes 0..15 and the
 *                           record's place
 *       24    16  each: id, first time (ns since the Unix epoch, UTC)
 * The first record that is cut or does not agree with its checksum ends the file.
 *
 * Thread safety: every function may be called from any thread. */
#ifndef DENDRO_STORE_REGISTRY_H
#define DENDRO_STORE_REGISTRY_H

#include "base/error.h"
#include "base/io.h"
#include "store/paths.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    REGISTRY_VERSION = 1,
    REGISTRY_HEADER_SIZE = 16,
    REGISTRY_RECORD_HEADER_SIZE = 24,
    REGISTRY_ENTRY_SIZE = 16,
    REGISTRY_RECORD_MAX = 1 << 18,
    /* 8 MiB of memory. A store with more has lines that are no log; the time of those that found no
     * place is that of the rows at hand, and they are counted. */
    REGISTRY_TEMPLATES_MAX = 1 << 18,
    REGISTRY_SEGMENTS_MAX = 1 << 22,
    REGISTRY_FILE_SIZE_MAX = 256 << 20,
};
#define REGISTRY_MAGIC "DNREG\r\n"

struct registry;

struct template_seen {
    uint64_t id;
    int64_t first_ns;
};

struct registry_stats {
    uint64_t templates, segments, refused; /* refused: found no place */
    uint64_t file_size;
};

/* Read the file of the directory, if there is one. Damage is no error. Errors: NO_MEMORY. */
enum status registry_open(struct io *io, const char *dir, struct registry **out,
                          struct error *err) WARN_UNUSED;
void registry_close(struct registry *registry); /* NULL does nothing */

/* When the template was seen first; false: never, as far as is known. */
bool registry_first(struct registry *registry, uint64_t id, int64_t *first_ns);
bool registry_has_segment(struct registry *registry, uint64_t segment);
/* How often it has forgotten. Take it before the list of segments that are to be read. */
uint64_t registry_generation(struct registry *registry);
/* All templates of a segment (not 0) with their first times; earlier times win. What the file cannot
 * take is told, and found again after the next start. AGAIN: it has forgotten since `generation`, so
 * what was read may be of rows that are gone. Errors: AGAIN, NO_MEMORY, then nothing was added. */
enum status registry_add(struct registry *registry, uint64_t generation, uint64_t segment,
                         const struct template_seen *seen, uint32_t count,
                         struct error *err) WARN_UNUSED;
/* Write the file again without segments that are not among these (ascending) any more. */
enum status registry_roll(struct registry *registry, const uint64_t *segments, uint32_t count,
                          struct error *err) WARN_UNUSED;
/* Forget everything, also in the file: after an erasure what it knew may be of rows that are gone. */
enum status registry_forget(struct registry *registry, struct error *err) WARN_UNUSED;
void registry_stats(struct registry *registry, struct registry_stats *out);

/* ---- the registry of a store (store_templates.c) ---- */

struct store;

/* When the store saw a row of this template first; false: it does not know. */
bool store_template_seen(struct store *store, uint64_t id, struct template_seen *out);
/* Read up to `segments_max` segments that the registry does not know; `left` is how many more there
 * are. Segments that cannot be read are left out, and tried again; when the registry forgets
 * meanwhile the rest is left, too. Errors: NO_MEMORY. */
enum status store_templates_sync(struct store *store, uint32_t segments_max, uint32_t *left,
                                 struct error *err) WARN_UNUSED;
/* Forget and read all live segments anew, as store_templates_sync() goes on. */
enum status registry_rebuild(struct store *store, struct error *err) WARN_UNUSED;
void store_templates_stats(struct store *store, struct registry_stats *out);

#endif
