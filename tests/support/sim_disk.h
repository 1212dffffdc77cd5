/* tests/support/sim_disk.h -- the disk below sim_io: what is cached and what is durable.
 *
 * Every file and every directory has two images. The *cached* one is what running code sees; the
 * *durable* one is what a power cut leaves. Between them lie pending changes in the order in which
 * they were made:
 *   - of a file: writes and truncations, until the file is synced;
 *   - of names: create, link, unlink, rename, each one atomic, until the directory that gains the
 *     name (for an unlink: loses it) is synced. Syncing a file does not make its name durable.
 * A crash applies all, none or a random choice of the pending changes to the durable image and
 * goes on from there. The model is that of Pillai et al., "All File Systems Are Not Created Equal",
 * OSDI 2014, without the ordering that single file systems add.
 *
 * Used by sim_io.c only. Running out of memory aborts the test. */
#ifndef DENDRO_TESTS_SUPPORT_SIM_DISK_H
#define DENDRO_TESTS_SUPPORT_SIM_DISK_H

#include "tests/support/random.h"
#include "tests/support/sim_io.h"

#include <stddef.h>
#include <stdint.h>

struct sim_image {
    char *data;
    size_t size, capacity;
};

struct sim_entry {
    char *name;
    struct sim_node *node;
};

struct sim_entries {
    struct sim_entry *items;
    size_t count, capacity;
};

struct sim_change { /* of a file's bytes */
    bool truncates; /* to `offset` bytes (longer: zeros); otherwise `data` is written there */
    uint64_t offset;
    char *data;
    size_t len;
};

struct sim_node {
    struct sim_node *next; /* in sim_disk.nodes */
    uint64_t inode;
    bool is_dir, reachable;
    int64_t birth_ns, mtime_ns;
    unsigned links;  /* cached names */
    unsigned opens;  /* descriptors */
    int lock_holder; /* descriptor, or -1 */
    struct sim_image cached, durable;
    struct sim_change *changes;
    size_t change_count, change_capacity;
    struct sim_entries cached_names, durable_names;
};

struct sim_rename { /* create: no from_dir; unlink: no to_dir */
    struct sim_node *from_dir, *to_dir, *node;
    char *from_name, *to_name;
};

struct sim_disk {
    struct sim_node *nodes, *root;
    struct sim_rename *renames; /* pending changes of names, oldest first */
    size_t rename_count, rename_capacity;
    uint64_t inode_next;
    size_t node_count, node_count_collect;
};

void sim_disk_init(struct sim_disk *disk);
void sim_disk_release(struct sim_disk *disk);

/* The node at `path` or NULL; components "." and empty ones are skipped, ".." is not known. */
struct sim_node *sim_disk_find(struct sim_disk *disk, const char *path);
/* The folder that holds (or would hold) `path`, and its last component; NULL if there is none. */
struct sim_node *sim_disk_parent(struct sim_disk *disk, const char *path, const char **name);
struct sim_node *sim_disk_lookup(const struct sim_node *dir, const char *name);

/* Is `node` somewhere below the folder? */
bool sim_disk_is_below(const struct sim_node *folder, const struct sim_node *node);

struct sim_node *sim_disk_create(struct sim_disk *disk, struct sim_node *dir, const char *name,
                                 bool is_dir, int64_t now_ns);
/* Move, add (no `from_dir`) or remove (no `to_dir`) a name; a name in the way is replaced. */
void sim_disk_name(struct sim_disk *disk, struct sim_node *from_dir, const char *from_name,
                   struct sim_node *to_dir, const char *to_name, struct sim_node *node);
void sim_disk_sync_dir(struct sim_disk *disk, struct sim_node *dir);

/* Cached bytes of all files that have a name or are open. */
uint64_t sim_disk_used(const struct sim_disk *disk);
void sim_disk_write(struct sim_node *file, const void *data, size_t len, uint64_t offset);
void sim_disk_truncate(struct sim_node *file, uint64_t size);
void sim_disk_sync(struct sim_node *file);
/* What Linux does after a failed fsync: pending pages count as clean, yet never reached the disk. */
void sim_disk_drop_changes(struct sim_node *file);

/* No descriptor may be open. */
void sim_disk_crash(struct sim_disk *disk, enum sim_crash mode, struct test_random *random);

#endif
