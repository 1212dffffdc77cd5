/* base/option.c -- checks and stores one value; a row of the table says where. */
#include "base/option.h"

#include "base/units.h"
#include "base/zone.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SHOWN_SIZE_MAX = 60, /* of a bad value in a message */
    KEYS_SIZE_MAX = 96,  /* of a list of keys, so that file, line and column fit beside it */
};

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "the settings need too much memory");
}

static bool name_equal(struct slice given, const char *name)
{
    if (name == NULL || given.len != strlen(name))
        return false;
    for (size_t i = 0; i < given.len; i++)
        if (given.data[i] != name[i] && !(given.data[i] == '-' && name[i] == '_'))
            return false;
    return true;
}

const struct option *option_find(const struct option_table *table, struct slice name)
{
    for (size_t i = 0; i < table->count; i++)
        if (name_equal(name, table->rows[i].name) ||
            (table->rows[i].alias != NULL && name_equal(name, table->rows[i].alias)))
            return &table->rows[i];
    return NULL;
}

static bool is_key(const struct option *row)
{
    return row->name != NULL && !(row->flags & OPTION_CLI_ONLY);
}

/* The key that was probably meant, or NULL. */
static const char *nearest_key(const struct option_table *table, struct slice name)
{
    const char *names[OPTION_ROWS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < table->count; i++)
        if (is_key(&table->rows[i]))
            names[count++] = table->rows[i].name;
    return suggest(name, names, count);
}

/* The keys of a small section, "a, b, c"; "" if they are too many for a message. */
static void list_keys(const struct option_table *table, char out[KEYS_SIZE_MAX])
{
    size_t len = 0;

    for (size_t i = 0; i < table->count; i++) {
        if (!is_key(&table->rows[i]) || (table->rows[i].flags & OPTION_HIDDEN))
            continue;
        len += (size_t)snprintf(out + len, KEYS_SIZE_MAX - len, "%s%s", len == 0 ? "" : ", ",
                                table->rows[i].name);
        if (len >= KEYS_SIZE_MAX) {
            len = 0;
            break;
        }
    }
    out[len] = '\0';
}

enum status option_unknown(const struct option_table *table, struct slice name, struct error *err)
{
    struct slice shown = slice_first(name, SHOWN_SIZE_MAX);
    const char *near = nearest_key(table, name);
    char keys[KEYS_SIZE_MAX];

    if (near != NULL)
        return error_set(err, STATUS_INVALID, "unknown key \"%.*s\"; did you mean \"%s\"?",
                         SLICE_ARG(shown), near);
    list_keys(table, keys);
    return error_set(err, STATUS_INVALID, "unknown key \"%.*s\"%s%s", SLICE_ARG(shown),
                     keys[0] == '\0' ? "" : "; the keys here are ", keys);
}

/* ---- which rows were given ---- */

bool option_mark(const struct option_table *table, const struct option *option,
                 struct option_seen *seen)
{
    size_t index = (size_t)(option - table->rows);
    uint64_t bit = 1ULL << (index % 64);
    bool first = !(seen->bits[index / 64] & bit);

    assert(index < OPTION_ROWS_MAX);
    seen->bits[index / 64] |= bit;
    return first;
}

enum status option_check_required(const struct option_table *table, const struct option_seen *seen,
                                  struct error *err)
{
    for (size_t i = 0; i < table->count; i++)
        if ((table->rows[i].flags & OPTION_REQUIRED) &&
            !(seen->bits[i / 64] & (1ULL << (i % 64))))
            return error_set(err, STATUS_INVALID, "missing key \"%s\" (%s)", table->rows[i].name,
                             table->rows[i].help);
    return STATUS_OK;
}

/* ---- lists: arrays in the arena that double when their count is a power of two ---- */

static void *list_grow(struct arena *arena, void *items, size_t count, size_t item_size)
{
    void *grown;

    if (count > 0 && (count & (count - 1)) != 0)
        return items;
    grown = arena_alloc(arena, item_size, _Alignof(max_align_t), count == 0 ? 1 : count * 2);
    if (grown != NULL && count > 0)
        memcpy(grown, items, count * item_size);
    return grown;
}

static enum status list_full(size_t count, struct error *err)
{
    if (count < OPTION_LIST_MAX)
        return STATUS_OK;
    return error_set(err, STATUS_TOO_LARGE, "more than %d values", OPTION_LIST_MAX);
}

/* What is read is kept as C strings: a zero byte would hide what stands behind it. */
static enum status copy_text(struct slice text, const char **out, struct arena *arena,
                             struct error *err)
{
    const char *copy = arena_copy_text(arena, text);

    if (copy == NULL)
        return no_memory(err);
    if (memchr(copy, '\0', text.len) != NULL)
        return error_set(err, STATUS_INVALID, "a text may not contain a zero byte");
    *out = copy;
    return STATUS_OK;
}

static enum status add_text(struct text_list *list, struct slice text, struct arena *arena,
                            struct error *err)
{
    enum status status = list_full(list->count, err);
    const char *copy = NULL;
    const char **items;

    if (status == STATUS_OK)
        status = copy_text(text, &copy, arena, err);
    if (status != STATUS_OK)
        return status;
    items = list_grow(arena, list->items, list->count, sizeof(*items));
    if (items == NULL)
        return no_memory(err);
    items[list->count++] = copy;
    list->items = items;
    return STATUS_OK;
}

static void *field_of(const struct option *option, void *base)
{
    return (char *)base + option->offset;
}

enum status option_add_pair(const struct option *option, void *base, struct slice key,
                            struct slice value, struct arena *arena, struct error *err)
{
    struct text_map *map = field_of(option, base);
    enum status status = list_full(map->count, err);
    struct text_pair *items;
    struct text_pair pair = {0};

    if (status == STATUS_OK)
        status = copy_text(key, &pair.key, arena, err);
    if (status == STATUS_OK)
        status = copy_text(value, &pair.value, arena, err);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < map->count; i++)
        if (slice_is(key, map->items[i].key))
            return error_set(err, STATUS_INVALID, "key \"%s\" is given twice", map->items[i].key);
    items = list_grow(arena, map->items, map->count, sizeof(*items));
    if (items == NULL)
        return no_memory(err);
    items[map->count++] = pair;
    map->items = items;
    return STATUS_OK;
}

enum status option_add_table(const struct option *option, void *base, struct arena *arena,
                             void **item, struct error *err)
{
    struct table_list *list = field_of(option, base);
    size_t size = option->table->size;
    enum status status = list_full(list->count, err);
    void *items;

    if (status != STATUS_OK)
        return status;
    items = list_grow(arena, list->items, list->count, size);
    if (items == NULL)
        return no_memory(err);
    list->items = items;
    *item = (char *)items + list->count++ * size;
    return option_presets(option->table, *item, arena, err);
}

/* ---- one value: each setter leaves the field alone on error ---- */

typedef enum status value_setter(const struct option *option, void *field, struct slice text,
                                 struct arena *arena, struct error *err);

static enum status set_text(const struct option *option, void *field, struct slice text,
                            struct arena *arena, struct error *err)
{
    (void)option;
    return copy_text(text, field, arena, err);
}

/* The lines are read elsewhere, where there may be another tzdata: without one here any name will do. */
static enum status set_zone(const struct option *option, void *field, struct slice text,
                            struct arena *arena, struct error *err)
{
    const char *name = arena_copy_text(arena, text);
    struct zone *zone = NULL;
    enum status status;

    if (name == NULL)
        return no_memory(err);
    status = text.len == 0 ? STATUS_OK : zone_load(io_system(), name, &zone, err);
    zone_free(zone);
    return status == STATUS_OK || status == STATUS_NOT_FOUND
               ? set_text(option, field, text, arena, err) : status;
}

static enum status set_bool(const struct option *option, void *field, struct slice text,
                            struct arena *arena, struct error *err)
{
    static const struct { const char *name; bool value; } names[] = {
        {"true", true},   {"yes", true}, {"on", true},
        {"false", false}, {"no", false}, {"off", false},
    };

    (void)option;
    (void)arena;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (slice_equal_fold(text, slice_of(names[i].name))) {
            *(bool *)field = names[i].value;
            return STATUS_OK;
        }
    return error_set(err, STATUS_INVALID, "expected true or false");
}

static bool in_bounds(const struct option *option, int64_t value)
{
    return (option->min == 0 && option->max == 0) ||
           (value >= option->min && value <= option->max);
}

static enum status set_int(const struct option *option, void *field, struct slice text,
                           struct arena *arena, struct error *err)
{
    int64_t value;

    (void)arena;
    if (!slice_to_i64(text, &value))
        return error_set(err, STATUS_INVALID, "expected a whole number");
    if (!in_bounds(option, value))
        return error_set(err, STATUS_INVALID, "expected a number from %lld to %lld",
                         (long long)option->min, (long long)option->max);
    *(int64_t *)field = value;
    return STATUS_OK;
}

static enum status set_double(const struct option *option, void *field, struct slice text,
                              struct arena *arena, struct error *err)
{
    (void)option;
    (void)arena;
    if (!slice_to_double(text, field))
        return error_set(err, STATUS_INVALID, "expected a number");
    return STATUS_OK;
}

static enum status set_duration(const struct option *option, void *field, struct slice text,
                                struct arena *arena, struct error *err)
{
    char min[UNITS_TEXT_SIZE];
    char max[UNITS_TEXT_SIZE];
    int64_t value;

    (void)arena;
    if (duration_parse(text, &value, NULL) != STATUS_OK)
        return error_set(err, STATUS_INVALID, "expected a duration such as 90s, 1h30m or 7d");
    (void)duration_print(option->min, min);
    (void)duration_print(option->max, max);
    if (!in_bounds(option, value) && option->max == INT64_MAX)
        return error_set(err, STATUS_INVALID, "expected a duration of at least %s", min);
    if (!in_bounds(option, value))
        return error_set(err, STATUS_INVALID, "expected a duration from %s to %s", min, max);
    *(int64_t *)field = value;
    return STATUS_OK;
}

static enum status set_size(const struct option *option, void *field, struct slice text,
                            struct arena *arena, struct error *err)
{
    char min[UNITS_TEXT_SIZE];
    char max[UNITS_TEXT_SIZE];
    uint64_t value;

    (void)arena;
    if (size_parse(text, &value, NULL) != STATUS_OK)
        return error_set(err, STATUS_INVALID, "expected a size such as 64KiB, 10MB or 4096");
    (void)size_print((uint64_t)option->min, min);
    (void)size_print((uint64_t)option->max, max);
    if (!in_bounds(option, (int64_t)value) && option->max == INT64_MAX)
        return error_set(err, STATUS_INVALID, "expected a size of at least %s", min);
    if (!in_bounds(option, (int64_t)value))
        return error_set(err, STATUS_INVALID, "expected a size from %s to %s", min, max);
    *(uint64_t *)field = value;
    return STATUS_OK;
}

static enum status set_enum(const struct option *option, void *field, struct slice text,
                            struct arena *arena, struct error *err)
{
    char all[160] = "";
    size_t len = 0;
    size_t count = 0;
    const char *near;

    (void)arena;
    for (; option->names[count] != NULL; count++) {
        if (slice_is(text, option->names[count])) {
            *(int *)field = (int)count;
            return STATUS_OK;
        }
        if (len < sizeof(all))
            len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", count == 0 ? "" : ", ",
                                    option->names[count]);
    }
    near = suggest(text, option->names, count);
    return error_set(err, STATUS_INVALID, "expected one of %s%s%s%s", all,
                     near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
                     near == NULL ? "" : "\"?");
}

static enum status set_address(const struct option *option, void *field, struct slice text,
                               struct arena *arena, struct error *err)
{
    (void)option;
    return address_parse(text, field, arena, err);
}

static enum status set_text_list(const struct option *option, void *field, struct slice text,
                                 struct arena *arena, struct error *err)
{
    (void)option;
    return add_text(field, text, arena, err);
}

static value_setter *const setters[] = {
    [OPTION_TEXT] = set_text,         [OPTION_ZONE] = set_zone,
    [OPTION_BOOL] = set_bool,         [OPTION_INT] = set_int,
    [OPTION_DOUBLE] = set_double,     [OPTION_DURATION] = set_duration, [OPTION_SIZE] = set_size,
    [OPTION_ENUM] = set_enum,         [OPTION_ADDRESS] = set_address,
    [OPTION_TEXT_LIST] = set_text_list,
};

static size_t list_size(enum option_type type)
{
    return type == OPTION_TEXT_LIST  ? sizeof(struct text_list)
           : type == OPTION_TEXT_MAP ? sizeof(struct text_map)
                                     : sizeof(struct table_list);
}

static enum status set_pair(const struct option *option, void *base, struct slice text,
                            struct arena *arena, struct error *err)
{
    struct slice rest = text;
    struct slice key;

    if (!slice_cut(&rest, '=', &key) || key.len == 0)
        return error_set(err, STATUS_INVALID, "expected key=value");
    return option_add_pair(option, base, key, rest, arena, err);
}

static enum status set_any(const struct option *option, void *base, struct slice text,
                           struct arena *arena, struct error *err)
{
    enum status status;
    void *item = NULL;

    switch (option->type) {
    case OPTION_TEXT_MAP:
        return set_pair(option, base, text, arena, err);
    case OPTION_TABLES:
        status = option_add_table(option, base, arena, &item, err);
        return status == STATUS_OK ? option_set_pairs(option->table, item, text, arena, err)
                                   : status;
    case OPTION_TABLE:
    case OPTION_LINE:
    case OPTION_GROUP:
        return error_set(err, STATUS_INVALID, "expected a section of keys");
    default:
        return setters[option->type](option, field_of(option, base), text, arena, err);
    }
}

enum status option_set(const struct option_target *target, const struct option *option,
                       struct slice text, struct error *err)
{
    bool first = option_mark(target->table, option, target->seen);
    enum status status;

    if (!first && !option_is_list(option->type))
        return error_set(err, STATUS_INVALID, "%s is given twice", option->name);
    if (first && option_is_list(option->type))
        memset(field_of(option, target->base), 0, list_size(option->type));
    status = set_any(option, target->base, text, target->arena, err);
    if (status == STATUS_INVALID && (option->flags & OPTION_SECRET))
        error_context(err, "%s", option->name);
    else if (status == STATUS_INVALID && option->type != OPTION_TABLES)
        error_context(err, "%s \"%.*s\"", option->name,
                      SLICE_ARG(slice_first(text, SHOWN_SIZE_MAX)));
    else if (status != STATUS_OK)
        error_context(err, "%s", option->name);
    return status;
}

enum status option_presets(const struct option_table *table, void *base, struct arena *arena,
                           struct error *err)
{
    struct option_seen seen = {0};
    const struct option_target target = {table, base, &seen, arena};

    assert(table->count <= OPTION_ROWS_MAX);
    memset(base, 0, table->size);
    for (size_t i = 0; i < table->count; i++) {
        const struct option *option = &table->rows[i];
        enum status status = STATUS_OK;

        if (option->type == OPTION_TABLE)
            status = option_presets(option->table, field_of(option, base), arena, err);
        else if (option->preset != NULL)
            status = option_set(&target, option, slice_of(option->preset), err);
        if (status == STATUS_INVALID) {
            (void)fprintf(stderr, "bug: default of %s: %s\n", option->name,
                          err == NULL ? "invalid" : err->message);
            abort();
        }
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* ---- key=value lists ---- */

/* Does `text` begin with a key of the table and '='? */
static const struct option *key_at(const struct option_table *table, struct slice text)
{
    size_t len = slice_find_byte(text, '=');

    return len == SIZE_MAX ? NULL : option_find(table, slice_first(text, len));
}

/* Does a comma in front of `text` end a value? Before a misspelt key it does, too: better "did you
 * mean" than a strange value. */
static bool starts_pair(const struct option_table *table, struct slice text)
{
    size_t len = slice_find_byte(text, '=');

    return len != SIZE_MAX && (key_at(table, text) != NULL ||
                               nearest_key(table, slice_first(text, len)) != NULL);
}

/* Bytes up to the comma that ends the value, or all. */
static size_t value_len(const struct option_table *table, struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == ',' && starts_pair(table, slice_from(text, i + 1)))
            return i;
    return text.len;
}

enum status option_set_pairs(const struct option_table *table, void *base, struct slice text,
                             struct arena *arena, struct error *err)
{
    struct option_seen seen = {0};
    const struct option_target target = {table, base, &seen, arena};
    struct slice rest = text;

    do {
        const struct option *option = key_at(table, rest);
        size_t key_len = slice_find_byte(rest, '=');
        size_t len;
        enum status status;

        if (key_len == SIZE_MAX)
            return error_set(err, STATUS_INVALID,
                             "expected key=value[,key=value ...], not \"%.*s\"",
                             SLICE_ARG(slice_first(rest, SHOWN_SIZE_MAX)));
        if (option == NULL)
            return option_unknown(table, slice_first(rest, key_len), err);
        rest = slice_from(rest, key_len + 1);
        len = value_len(table, rest);
        status = option_set(&target, option, slice_first(rest, len), err);
        if (status != STATUS_OK)
            return status;
        rest = slice_from(rest, len + 1);
    } while (rest.len > 0);
    return option_check_required(table, &seen, err);
}

/* ---- addresses ---- */

enum status address_parse(struct slice text, struct address *out, struct arena *arena,
                          struct error *err)
{
    size_t colon = slice_find_last_byte(text, ':');
    struct slice host = slice_first(text, colon);
    uint64_t port;
    bool bracketed = host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']';

    if (colon == SIZE_MAX || !slice_to_u64(slice_from(text, colon + 1), &port) ||
        port > UINT16_MAX || text.len - colon > sizeof("65535") ||
        (!bracketed && slice_find_byte(host, ':') != SIZE_MAX) ||
        slice_find_byte(host, '\0') != SIZE_MAX)
        return error_set(err, STATUS_INVALID,
                         "expected host:port, such as 127.0.0.1:7601 or [::1]:7601, with a port up "
                         "to 65535");
    if (bracketed)
        host = slice_sub(host, 1, host.len - 2);
    out->host = arena_copy_text(arena, host);
    if (out->host == NULL)
        return no_memory(err);
    out->port = (uint16_t)port;
    return STATUS_OK;
}
