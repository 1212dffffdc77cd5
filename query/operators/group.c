/* query/operators/group.c -- combinations of key codes to groups. */
#include "query/operators/group.h"

#include "query/limits.h"
#include "query/operators/group_codes.h"

#include <stdlib.h>

/* A table of this many combinations costs less to clear than a hash table to probe. */
enum { DENSE_COMBINATIONS_MIN = 4096, KEY_SIZE_MAX = 1 << 20 };

enum status grouper_init(struct grouper *grouper, struct run *run, const struct group_key *keys,
                         uint32_t key_count, struct error *err)
{
    *grouper = (struct grouper){.run = run,
                                .keys = keys,
                                .key_count = key_count,
                                .index = map_empty(QUERY_GROUPS_MAX),
                                .key = buf_empty(KEY_SIZE_MAX)};
    pool_init(&grouper->pool, &run->memory);
    grouper->fields = pool_new(&grouper->pool, field_id, key_count + 1, err);
    if (grouper->fields == NULL)
        return STATUS_TOO_LARGE;
    for (uint32_t i = 0; i < key_count; i++)
        grouper->fields[i] = names_id(&run->names, keys[i].field);
    return STATUS_OK;
}

enum status grouper_init_names(struct grouper *grouper, struct run *run,
                               const struct name_list *names, struct error *err)
{
    struct group_key *keys;
    enum status status = grouper_init(grouper, run, NULL, 0, err);

    if (status != STATUS_OK)
        return status;
    keys = pool_new(&grouper->pool, struct group_key, names->count + 1, err);
    grouper->fields = pool_new(&grouper->pool, field_id, names->count + 1, err);
    if (keys == NULL || grouper->fields == NULL)
        return STATUS_TOO_LARGE;
    for (uint32_t i = 0; i < names->count; i++) {
        keys[i].field = names->items[i];
        grouper->fields[i] = names_id(&run->names, names->items[i]);
    }
    grouper->keys = keys;
    grouper->key_count = names->count;
    return STATUS_OK;
}

void grouper_release(struct grouper *grouper)
{
    if (grouper->run == NULL)
        return;
    memory_free(&grouper->run->memory, (void **)&grouper->cells, &grouper->cell_capacity,
                sizeof(struct cell));
    memory_give(&grouper->run->memory, grouper->index_size);
    map_release(&grouper->index);
    pool_release(&grouper->pool);
    buf_release(&grouper->key);
}

/* Count the index as it grows. */
static enum status count_index(struct grouper *grouper, struct error *err)
{
    size_t size = (size_t)grouper->index.capacity * sizeof(struct map_entry);
    enum status status = STATUS_OK;

    if (size > grouper->index_size) {
        status = memory_take(&grouper->run->memory, size - grouper->index_size, err);
        if (status == STATUS_OK)
            grouper->index_size = size;
    }
    return status;
}

static enum status add_group(struct grouper *grouper, const struct cell *cells, uint32_t *out,
                             struct error *err)
{
    uint32_t group = grouper->group_count;
    struct cell *own;
    struct slice key;
    enum status status;

    status = pool_copy(&grouper->pool, buf_slice(&grouper->key), &key, err);
    if (status == STATUS_OK)
        status = memory_grow(&grouper->run->memory, (void **)&grouper->cells,
                             &grouper->cell_capacity, (group + 1) * grouper->key_count + 1,
                             sizeof(struct cell), err);
    if (status != STATUS_OK)
        return status;
    own = grouper->cells + (size_t)group * grouper->key_count;
    for (uint32_t i = 0; status == STATUS_OK && i < grouper->key_count; i++)
        status = cell_copy(&cells[i], &grouper->pool, &own[i], err);
    if (status == STATUS_OK && !map_put(&grouper->index, key, group))
        status = memory_exceeded(&grouper->run->memory, err);
    if (status == STATUS_OK)
        status = count_index(grouper, err);
    if (status == STATUS_OK)
        grouper->group_count++;
    *out = group;
    return status;
}

/* Not a good hash, but one of a few instructions: the length, the first and the last bytes. */
static uint64_t rough_text_hash(struct slice text)
{
    uint64_t first = 0, last = 0;
    uint32_t begin, end;

    if (text.len >= sizeof(first)) {
        memcpy(&first, text.data, sizeof(first));
        memcpy(&last, text.data + text.len - sizeof(last), sizeof(last));
    } else if (text.len >= sizeof(begin)) {
        memcpy(&begin, text.data, sizeof(begin));
        memcpy(&end, text.data + text.len - sizeof(end), sizeof(end));
        first = begin;
        last = end;
    } else {
        for (size_t i = 0; i < text.len; i++)
            last = last << 8 | (unsigned char)text.data[i];
    }
    return (first ^ last * 0xff51afd7ed558ccdu) + text.len;
}

static uint64_t rough_hash(const struct cell *cells, uint32_t count)
{
    uint64_t hash = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t bits = cells[i].kind == CELL_TEXT ? rough_text_hash(cells[i].text)
                                                   : (uint64_t)cells[i].whole;

        hash = (hash ^ cells[i].kind ^ bits) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    return hash;
}

/* Are the keys surely equal? Fractions are left to the index. */
static bool keys_same(const struct cell *a, const struct cell *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (a[i].kind != b[i].kind || a[i].kind == CELL_FLOAT)
            return false;
        if (a[i].kind == CELL_TEXT ? !slice_equal(a[i].text, b[i].text)
                                   : a[i].kind == CELL_INT && a[i].whole != b[i].whole)
            return false;
    }
    return true;
}

enum status grouper_find(struct grouper *grouper, const struct cell *cells, uint32_t *out,
                         struct error *err)
{
    uint32_t *recent =
        &grouper->recent[rough_hash(cells, grouper->key_count) % GROUPER_RECENT_COUNT];
    enum status status;
    bool ok = true;

    if (*recent != 0 &&
        keys_same(cells, grouper_cells(grouper, *recent - 1), grouper->key_count)) {
        *out = *recent - 1;
        return STATUS_OK;
    }
    buf_reset(&grouper->key);
    for (uint32_t i = 0; ok && i < grouper->key_count; i++)
        ok = cell_append_key(&cells[i], &grouper->key);
    if (!ok)
        return error_set(err, STATUS_TOO_LARGE, "values of a group key are longer than %d bytes",
                         KEY_SIZE_MAX);
    *out = map_get(&grouper->index, buf_slice(&grouper->key));
    status = *out != MAP_NONE ? STATUS_OK : add_group(grouper, cells, out, err);
    if (status == STATUS_OK)
        *recent = *out + 1;
    return status;
}

/* The selected rows of a view on their way to groups; all arrays in the view's arena. */
struct assignment {
    struct view *view;
    struct key_codes *keys; /* of each key */
    struct cell *cells;     /* room for the values of one combination of codes */
    uint32_t *groups;       /* by index of the selected row: what is to be found */
};

/* The group of one combination of codes. */
static enum status find_combination(struct grouper *grouper, const struct assignment *assignment,
                                    uint32_t row, uint32_t *out, struct error *err)
{
    const struct key_codes *keys = assignment->keys;

    for (uint32_t i = 0; i < grouper->key_count; i++)
        assignment->cells[i] =
            key_codes_cell(&keys[i], keys[i].codes == NULL ? 0 : keys[i].codes[row]);
    return grouper_find(grouper, assignment->cells, out, err);
}

static uint64_t combination(const struct grouper *grouper, const struct key_codes *keys,
                            uint32_t row)
{
    uint64_t code = 0;

    for (uint32_t i = 0; i < grouper->key_count; i++)
        code = code * keys[i].count + (keys[i].codes == NULL ? 0 : keys[i].codes[row]);
    return code;
}

static enum status assign_dense(struct grouper *grouper, const struct assignment *assignment,
                                uint64_t combinations, struct error *err)
{
    struct view *view = assignment->view;
    uint32_t *table = arena_new(view_arena(view), uint32_t, combinations); /* group + 1 */
    uint32_t count = view_selected_count(view);

    if (table == NULL)
        return memory_exceeded(&grouper->run->memory, err);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t code = combination(grouper, assignment->keys, i);

        if (table[code] == 0) {
            uint32_t group = 0;
            enum status status = find_combination(grouper, assignment, i, &group, err);

            if (status != STATUS_OK)
                return status;
            table[code] = group + 1;
        }
        assignment->groups[i] = table[code] - 1;
    }
    return STATUS_OK;
}

struct combination_slot {
    uint64_t code;
    uint32_t group; /* + 1; 0: free */
};

static enum status assign_hashed(struct grouper *grouper, const struct assignment *assignment,
                                 struct error *err)
{
    uint32_t count = view_selected_count(assignment->view), slot_count = 64;
    struct combination_slot *slots;

    while (slot_count < count * 2)
        slot_count *= 2;
    slots = arena_new(view_arena(assignment->view), struct combination_slot, slot_count);
    if (slots == NULL)
        return memory_exceeded(&grouper->run->memory, err);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t code = combination(grouper, assignment->keys, i);
        uint32_t at = (uint32_t)(code * 0x9e3779b97f4a7c15u >> 32) & (slot_count - 1);

        while (slots[at].group != 0 && slots[at].code != code)
            at = (at + 1) & (slot_count - 1);
        if (slots[at].group == 0) {
            uint32_t group = 0;
            enum status status = find_combination(grouper, assignment, i, &group, err);

            if (status != STATUS_OK)
                return status;
            slots[at] = (struct combination_slot){code, group + 1};
        }
        assignment->groups[i] = slots[at].group - 1;
    }
    return STATUS_OK;
}

/* Too many codes to number their combinations in 64 bits: look up each row by its values. */
static enum status assign_by_value(struct grouper *grouper, const struct assignment *assignment,
                                   struct error *err)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < view_selected_count(assignment->view); i++)
        status = find_combination(grouper, assignment, i, &assignment->groups[i], err);
    return status;
}

/* Product of the counts of codes; UINT64_MAX: more than 64 bits. */
static uint64_t count_combinations(const struct grouper *grouper, const struct key_codes *keys)
{
    uint64_t product = 1;

    for (uint32_t i = 0; i < grouper->key_count; i++)
        if (__builtin_mul_overflow(product, (uint64_t)keys[i].count, &product))
            return UINT64_MAX;
    return product;
}

static enum status read_keys(struct grouper *grouper, const struct assignment *assignment,
                             const uint32_t *rows, struct error *err)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < grouper->key_count; i++)
        status = key_codes_make(&(struct keyed_rows){.key = &grouper->keys[i],
                                                     .field = grouper->fields[i],
                                                     .zone = grouper->run->zone,
                                                     .view = assignment->view,
                                                     .rows = rows},
                                &assignment->keys[i], err);
    return status;
}

enum status grouper_assign(struct grouper *grouper, struct view *view, struct grouped *out,
                           struct error *err)
{
    struct arena *arena = view_arena(view);
    struct assignment assignment = {
        .view = view,
        .keys = arena_new(arena, struct key_codes, grouper->key_count + 1),
        .cells = arena_new(arena, struct cell, grouper->key_count + 1),
    };
    uint32_t count = view_selected_count(view);
    uint64_t combinations;
    enum status status = view_rows(view, &out->rows, err);

    if (status == STATUS_OK && (assignment.keys == NULL || assignment.cells == NULL))
        status = memory_exceeded(&grouper->run->memory, err);
    if (status == STATUS_OK)
        status = read_keys(grouper, &assignment, out->rows, err);
    if (status != STATUS_OK)
        return status;
    out->count = count;
    out->groups = NULL;
    combinations = count_combinations(grouper, assignment.keys);
    if (combinations == 1)
        return find_combination(grouper, &assignment, 0, &out->single, err);
    out->groups = assignment.groups = arena_new(arena, uint32_t, count + 1);
    if (assignment.groups == NULL)
        return memory_exceeded(&grouper->run->memory, err);
    if (combinations == UINT64_MAX)
        return assign_by_value(grouper, &assignment, err);
    if (combinations <= DENSE_COMBINATIONS_MIN || combinations <= (uint64_t)count * 4)
        return assign_dense(grouper, &assignment, combinations, err);
    return assign_hashed(grouper, &assignment, err);
}

static int compare_groups(const void *a, const void *b, void *user)
{
    const struct grouper *grouper = user;
    const struct cell *x = grouper_cells(grouper, *(const uint32_t *)a);
    const struct cell *y = grouper_cells(grouper, *(const uint32_t *)b);

    for (uint32_t i = 0; i < grouper->key_count; i++) {
        int order = cell_compare(&x[i], &y[i]);

        if (order != 0)
            return order;
    }
    return 0;
}

enum status grouper_sorted(struct grouper *grouper, uint32_t **out, struct error *err)
{
    uint32_t *order = pool_new(&grouper->pool, uint32_t, (size_t)grouper->group_count + 1, err);

    if (order == NULL)
        return STATUS_TOO_LARGE;
    for (uint32_t i = 0; i < grouper->group_count; i++)
        order[i] = i;
    qsort_r(order, grouper->group_count, sizeof(*order), compare_groups, grouper);
    *out = order;
    return STATUS_OK;
}
