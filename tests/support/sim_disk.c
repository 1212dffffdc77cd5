/* tests/support/sim_disk.c -- two images per file and directory, and the changes between them. */
#include "tests/support/sim_disk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { COLLECT_NODES_MIN = 256 };

static void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

/* Room for one more item of `size` bytes. */
static void *grown(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity == 0 ? 8 : *capacity * 2;
    return must(realloc(items, *capacity * size));
}

/* ---- images ---- */

static void image_resize(struct sim_image *image, uint64_t size)
{
    if (size > image->capacity) {
        size_t capacity = image->capacity * 2 > size ? image->capacity * 2 : (size_t)size;

        image->data = must(realloc(image->data, capacity));
        image->capacity = capacity;
    }
    if (size > image->size)
        memset(image->data + image->size, 0, (size_t)size - image->size);
    image->size = (size_t)size;
}

static void image_write(struct sim_image *image, const char *data, size_t len, uint64_t offset)
{
    if (len == 0)
        return;
    if (offset + len > image->size)
        image_resize(image, offset + len);
    memcpy(image->data + offset, data, len);
}

static void image_copy(struct sim_image *to, const struct sim_image *from)
{
    to->size = 0;
    image_resize(to, from->size);
    if (from->size > 0)
        memcpy(to->data, from->data, from->size);
}

/* ---- entries of a directory ---- */

static struct sim_entry *entries_find(const struct sim_entries *entries, const char *name,
                                      size_t len)
{
    for (size_t i = 0; i < entries->count; i++)
        if (strncmp(entries->items[i].name, name, len) == 0 && entries->items[i].name[len] == '\0')
            return &entries->items[i];
    return NULL;
}

static void entries_set(struct sim_entries *entries, const char *name, struct sim_node *node)
{
    struct sim_entry *entry = entries_find(entries, name, strlen(name));

    if (entry != NULL) {
        entry->node = node;
        return;
    }
    entries->items = grown(entries->items, entries->count, &entries->capacity,
                           sizeof(*entries->items));
    entries->items[entries->count++] = (struct sim_entry){must(strdup(name)), node};
}

static void entries_remove(struct sim_entries *entries, const char *name,
                           const struct sim_node *node)
{
    struct sim_entry *entry = entries_find(entries, name, strlen(name));

    if (entry == NULL || entry->node != node)
        return; /* its creation was lost, or the name now means another file */
    free(entry->name);
    *entry = entries->items[--entries->count];
}

static void entries_clear(struct sim_entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        free(entries->items[i].name);
    entries->count = 0;
}

/* ---- nodes ---- */

static struct sim_node *node_new(struct sim_disk *disk, bool is_dir, int64_t now_ns)
{
    struct sim_node *node = must(calloc(1, sizeof(*node)));

    node->inode = disk->inode_next++;
    node->is_dir = is_dir;
    node->birth_ns = node->mtime_ns = now_ns;
    node->lock_holder = -1;
    node->next = disk->nodes;
    disk->nodes = node;
    disk->node_count++;
    return node;
}

static void changes_clear(struct sim_node *node)
{
    for (size_t i = 0; i < node->change_count; i++)
        free(node->changes[i].data);
    node->change_count = 0;
}

static void node_free(struct sim_disk *disk, struct sim_node *node)
{
    disk->node_count--;
    changes_clear(node);
    entries_clear(&node->cached_names);
    entries_clear(&node->durable_names);
    free(node->changes);
    free(node->cached_names.items);
    free(node->durable_names.items);
    free(node->cached.data);
    free(node->durable.data);
    free(node);
}

static void mark(struct sim_node *node)
{
    if (node == NULL || node->reachable)
        return;
    node->reachable = true;
    for (size_t i = 0; i < node->cached_names.count; i++)
        mark(node->cached_names.items[i].node);
    for (size_t i = 0; i < node->durable_names.count; i++)
        mark(node->durable_names.items[i].node);
}

/* Free the nodes that no name, descriptor or pending change leads to. */
static void collect(struct sim_disk *disk)
{
    struct sim_node **link = &disk->nodes;

    for (struct sim_node *node = disk->nodes; node != NULL; node = node->next)
        node->reachable = false;
    mark(disk->root);
    for (struct sim_node *node = disk->nodes; node != NULL; node = node->next)
        if (node->opens > 0)
            mark(node);
    for (size_t i = 0; i < disk->rename_count; i++) {
        mark(disk->renames[i].from_dir);
        mark(disk->renames[i].to_dir);
        mark(disk->renames[i].node);
    }
    while (*link != NULL) {
        struct sim_node *node = *link;

        if (node->reachable) {
            link = &node->next;
            continue;
        }
        *link = node->next;
        node_free(disk, node);
    }
    disk->node_count_collect = disk->node_count * 2 + COLLECT_NODES_MIN;
}

void sim_disk_init(struct sim_disk *disk)
{
    *disk = (struct sim_disk){.inode_next = 2, .node_count_collect = COLLECT_NODES_MIN};
    disk->root = node_new(disk, true, 0);
    disk->root->links = 1;
}

static void renames_clear(struct sim_disk *disk)
{
    for (size_t i = 0; i < disk->rename_count; i++) {
        free(disk->renames[i].from_name);
        free(disk->renames[i].to_name);
    }
    disk->rename_count = 0;
}

void sim_disk_release(struct sim_disk *disk)
{
    struct sim_node *next;

    for (struct sim_node *node = disk->nodes; node != NULL; node = next) {
        next = node->next;
        node_free(disk, node);
    }
    renames_clear(disk);
    free(disk->renames);
    *disk = (struct sim_disk){0};
}

/* ---- paths ---- */

/* The next component of `path`: its length, 0 at the end. */
static size_t next_component(const char **path)
{
    for (;;) {
        size_t len;

        *path += strspn(*path, "/");
        len = strcspn(*path, "/");
        if (len != 1 || **path != '.')
            return len;
        *path += 1;
    }
}

struct sim_node *sim_disk_find(struct sim_disk *disk, const char *path)
{
    struct sim_node *node = disk->root;
    size_t len;

    while (node != NULL && (len = next_component(&path)) > 0) {
        const struct sim_entry *entry = entries_find(&node->cached_names, path, len);

        node = entry == NULL ? NULL : entry->node;
        path += len;
    }
    return node;
}

struct sim_node *sim_disk_parent(struct sim_disk *disk, const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    struct sim_node *dir = disk->root;
    char *folder;

    *name = slash == NULL ? path : slash + 1;
    if (**name == '\0' || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
        return NULL;
    if (slash != NULL) {
        folder = must(strndup(path, (size_t)(slash - path)));
        dir = sim_disk_find(disk, folder);
        free(folder);
    }
    return dir != NULL && dir->is_dir ? dir : NULL;
}

struct sim_node *sim_disk_lookup(const struct sim_node *dir, const char *name)
{
    const struct sim_entry *entry = entries_find(&dir->cached_names, name, strlen(name));

    return entry == NULL ? NULL : entry->node;
}

bool sim_disk_is_below(const struct sim_node *folder, const struct sim_node *node)
{
    for (size_t i = 0; i < folder->cached_names.count; i++) {
        const struct sim_node *child = folder->cached_names.items[i].node;

        if (child == node || sim_disk_is_below(child, node))
            return true;
    }
    return false;
}

/* ---- names ---- */

static void rename_apply(const struct sim_rename *change, bool durable)
{
    if (change->from_dir != NULL)
        entries_remove(durable ? &change->from_dir->durable_names : &change->from_dir->cached_names,
                       change->from_name, change->node);
    if (change->to_dir != NULL)
        entries_set(durable ? &change->to_dir->durable_names : &change->to_dir->cached_names,
                    change->to_name, change->node);
}

void sim_disk_name(struct sim_disk *disk, struct sim_node *from_dir, const char *from_name,
                   struct sim_node *to_dir, const char *to_name, struct sim_node *node)
{
    struct sim_node *replaced = to_dir == NULL ? NULL : sim_disk_lookup(to_dir, to_name);
    struct sim_rename *change;

    if (replaced != NULL)
        replaced->links--;
    if (from_dir == NULL)
        node->links++;
    if (to_dir == NULL)
        node->links--;
    disk->renames = grown(disk->renames, disk->rename_count, &disk->rename_capacity,
                          sizeof(*disk->renames));
    change = &disk->renames[disk->rename_count++];
    *change = (struct sim_rename){
        .from_dir = from_dir,
        .to_dir = to_dir,
        .node = node,
        .from_name = from_dir == NULL ? NULL : must(strdup(from_name)),
        .to_name = to_dir == NULL ? NULL : must(strdup(to_name)),
    };
    rename_apply(change, false);
}

struct sim_node *sim_disk_create(struct sim_disk *disk, struct sim_node *dir, const char *name,
                                 bool is_dir, int64_t now_ns)
{
    struct sim_node *node;

    if (disk->node_count > disk->node_count_collect)
        collect(disk);
    node = node_new(disk, is_dir, now_ns);
    sim_disk_name(disk, NULL, NULL, dir, name, node);
    return node;
}

void sim_disk_sync_dir(struct sim_disk *disk, struct sim_node *dir)
{
    size_t kept = 0;

    for (size_t i = 0; i < disk->rename_count; i++) {
        struct sim_rename *change = &disk->renames[i];

        if ((change->to_dir != NULL ? change->to_dir : change->from_dir) != dir) {
            disk->renames[kept++] = *change;
            continue;
        }
        rename_apply(change, true);
        free(change->from_name);
        free(change->to_name);
    }
    disk->rename_count = kept;
}

/* ---- bytes ---- */

static void change_append(struct sim_node *file, struct sim_change change)
{
    file->changes = grown(file->changes, file->change_count, &file->change_capacity,
                          sizeof(*file->changes));
    file->changes[file->change_count++] = change;
}

uint64_t sim_disk_used(const struct sim_disk *disk)
{
    uint64_t used = 0;

    for (const struct sim_node *node = disk->nodes; node != NULL; node = node->next)
        if (node->links > 0 || node->opens > 0)
            used += node->cached.size;
    return used;
}

void sim_disk_write(struct sim_node *file, const void *data, size_t len, uint64_t offset)
{
    char *copy;

    if (len == 0)
        return;
    copy = must(malloc(len));
    memcpy(copy, data, len);
    change_append(file, (struct sim_change){.offset = offset, .data = copy, .len = len});
    image_write(&file->cached, data, len, offset);
}

void sim_disk_truncate(struct sim_node *file, uint64_t size)
{
    change_append(file, (struct sim_change){.truncates = true, .offset = size});
    image_resize(&file->cached, size);
}

void sim_disk_sync(struct sim_node *file)
{
    for (size_t i = 0; i < file->change_count; i++) {
        const struct sim_change *change = &file->changes[i];

        if (change->truncates)
            image_resize(&file->durable, change->offset);
        else
            image_write(&file->durable, change->data, change->len, change->offset);
    }
    changes_clear(file);
}

void sim_disk_drop_changes(struct sim_node *file)
{
    changes_clear(file);
}

/* ---- crash ---- */

/* Some pieces of a write, cut at multiples of `piece_size` of the file, reach the disk. */
static void write_torn(struct sim_node *file, const struct sim_change *change, size_t piece_size,
                       unsigned percent, struct test_random *random)
{
    size_t done = 0;

    while (done < change->len) {
        uint64_t at = change->offset + done;
        size_t piece = piece_size - (size_t)(at % piece_size);

        if (piece > change->len - done)
            piece = change->len - done;
        if (test_random_chance(random, percent))
            image_write(&file->durable, change->data + done, piece, at);
        done += piece;
    }
    /* The size was journaled before the data was written: zeros where data is missing. */
    if (change->offset + change->len > file->durable.size && test_random_chance(random, 30))
        image_resize(&file->durable, change->offset + change->len);
}

static void sync_random(struct sim_node *file, unsigned percent, struct test_random *random)
{
    size_t piece_size = test_random_chance(random, 50) ? SIM_SECTOR_SIZE : SIM_PAGE_SIZE;

    for (size_t i = 0; i < file->change_count; i++) {
        const struct sim_change *change = &file->changes[i];

        if (!change->truncates)
            write_torn(file, change, piece_size, percent, random);
        else if (test_random_chance(random, percent))
            image_resize(&file->durable, change->offset);
    }
    changes_clear(file);
}

static void names_restore(struct sim_node *dir)
{
    entries_clear(&dir->cached_names);
    for (size_t i = 0; i < dir->durable_names.count; i++)
        entries_set(&dir->cached_names, dir->durable_names.items[i].name,
                    dir->durable_names.items[i].node);
}

/* Everything running code sees comes from the durable images again. */
static void reboot(struct sim_disk *disk)
{
    for (struct sim_node *node = disk->nodes; node != NULL; node = node->next) {
        names_restore(node);
        image_copy(&node->cached, &node->durable);
        node->links = node == disk->root;
    }
    for (struct sim_node *node = disk->nodes; node != NULL; node = node->next)
        for (size_t i = 0; i < node->cached_names.count; i++)
            node->cached_names.items[i].node->links++;
    collect(disk);
}

void sim_disk_crash(struct sim_disk *disk, enum sim_crash mode, struct test_random *random)
{
    static const unsigned percents[] = {12, 50, 88}; /* mostly lost, even, mostly kept */
    unsigned percent = percents[test_random_below(random, COUNT_OF(percents))];

    for (struct sim_node *node = disk->nodes; node != NULL; node = node->next) {
        assert(node->opens == 0);
        switch (mode) {
        case SIM_CRASH_ALL_LOST:
            changes_clear(node);
            break;
        case SIM_CRASH_ALL_KEPT:
            sim_disk_sync(node);
            break;
        case SIM_CRASH_RANDOM:
            sync_random(node, percent, random);
            break;
        }
    }
    for (size_t i = 0; i < disk->rename_count; i++)
        if (mode == SIM_CRASH_ALL_KEPT ||
            (mode == SIM_CRASH_RANDOM && test_random_chance(random, percent)))
            rename_apply(&disk->renames[i], true);
    renames_clear(disk);
    reboot(disk);
}
