/* collector/formats/json_fields.h -- objects of one line, flattened: {"a":{"b":1}} has the key a.b.
 * Arrays are values: their whole text.
 * Thread safety: pure functions, but for arena and cache. */
#ifndef DENDRO_COLLECTOR_FORMATS_JSON_FIELDS_H
#define DENDRO_COLLECTOR_FORMATS_JSON_FIELDS_H

#include "collector/format.h"
#include "collector/json_scan.h"

enum {
    JSON_KEY_SIZE_MAX = 256, /* of a flattened key; the values of longer ones stay unnamed */
    NAME_CACHE_COUNT = 64,   /* keys of a line whose names are remembered */
    NAME_CACHE_KEY_SIZE = 40,
};

/* Lines of one source mostly have the same keys in the same order: the index of the n-th key is
 * remembered, so that only a change asks the names. Zero is an empty cache. */
struct name_cache {
    struct name_cache_entry {
        char key[NAME_CACHE_KEY_SIZE];
        uint8_t key_len; /* 0: free */
        field_id field;
    } entries[NAME_CACHE_COUNT];
};

enum json_step {
    JSON_STEP_ON,    /* go on; into the object, if the token begins one */
    JSON_STEP_WHOLE, /* the object is wanted as a value: it comes again with its whole text */
    JSON_STEP_STOP,
};

/* Called for every value; `token->text` is the whole text of an array. An object comes as
 * OBJECT_BEGIN before its members. */
typedef enum json_step json_visit(void *user, struct slice key, const struct json_token *token);
/* False: `text` is not one JSON object; `error` tells why. */
bool json_fields_walk(struct slice text, json_visit *visit, void *user, const char **error);

/* The values of `keys` (at most 64): values[i] belongs to keys[i], and bit i of `present` is set.
 * null counts as absent; of equal keys the last wins; an object under one of the keys is whole. */
bool json_fields_collect(struct slice text, const struct slice *keys, unsigned key_count,
                         struct json_token *values, uint64_t *present);

/* The text of a value, its escapes undone in the arena where it has some. */
struct slice json_fields_text(const struct json_token *token, struct arena *arena);

/* Index of a name, through the cache of the source; `position` counts the keys of the line. */
field_id json_fields_name(const struct format_context *context, struct slice key,
                          unsigned position);

#endif
