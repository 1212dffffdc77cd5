/* collector/formats/json_fields.c -- flatten by keeping the path of open keys in one buffer. */
#include "collector/formats/json_fields.h"

#include <assert.h>

struct path {
    char text[JSON_KEY_SIZE_MAX];
    size_t len;
    size_t len_at[JSON_DEPTH_MAX]; /* before the key of each depth was added */
    bool too_long;                 /* the present key does not fit */
};

/* Key of the innermost object: replaces what was there at this depth. */
static void path_set(struct path *path, unsigned depth, struct slice key)
{
    size_t len = depth == 0 ? 0 : path->len_at[depth - 1];

    path->too_long = len + 1 + key.len > JSON_KEY_SIZE_MAX;
    if (path->too_long)
        return;
    if (len > 0)
        path->text[len++] = '.';
    if (key.len > 0)
        memcpy(path->text + len, key.data, key.len);
    path->len = len + key.len;
}

/* The value of the key at this depth. */
static bool walk_value(struct json_scan *scan, struct path *path, struct slice key,
                       struct json_token *token, json_visit *visit, void *user)
{
    struct json_token begin = *token;
    unsigned depth = scan->depth - (token->type == JSON_TOKEN_OBJECT_BEGIN ? 1U : 0U);
    enum json_step step;

    if (token->type == JSON_TOKEN_ARRAY_BEGIN && !json_scan_skip(scan, &begin, &token->text))
        return false;
    if (path->too_long)
        return token->type != JSON_TOKEN_OBJECT_BEGIN || json_scan_skip(scan, &begin, &token->text);
    if (token->type == JSON_TOKEN_ARRAY_BEGIN)
        depth = scan->depth;
    /* A key of the outermost object is used where it stands. */
    if (depth > 1)
        key = (struct slice){path->text, path->len};
    step = visit(user, key, token);
    if (token->type != JSON_TOKEN_OBJECT_BEGIN || step == JSON_STEP_STOP)
        return step != JSON_STEP_STOP;
    if (step == JSON_STEP_ON) {
        path->len_at[depth - 1] = path->len;
        return true;
    }
    if (!json_scan_skip(scan, &begin, &token->text))
        return false;
    token->type = JSON_TOKEN_STRING;
    token->escaped = false;
    return visit(user, key, token) != JSON_STEP_STOP;
}

bool json_fields_walk(struct slice text, json_visit *visit, void *user, const char **error)
{
    struct json_scan scan;
    struct json_token token;
    struct path path;
    struct slice key = {NULL, 0};

    path.len = 0;
    path.too_long = false;
    json_scan_init(&scan, text);
    *error = NULL;
    if (!json_scan_next(&scan, &token) || token.type != JSON_TOKEN_OBJECT_BEGIN) {
        *error = scan.error != NULL ? scan.error : "no object";
        return false;
    }
    while (json_scan_next(&scan, &token)) {
        if (token.type == JSON_TOKEN_KEY) {
            key = token.text;
            path_set(&path, scan.depth - 1U, key);
        } else if (token.type != JSON_TOKEN_OBJECT_END &&
                   !walk_value(&scan, &path, key, &token, visit, user)) {
            *error = scan.error;
            return false;
        }
    }
    *error = scan.error;
    return json_scan_done(&scan);
}

struct collect {
    const struct slice *keys;
    unsigned key_count;
    unsigned next; /* keys mostly come in the order of the table */
    struct json_token *values;
    uint64_t *present;
};

static enum json_step collect_value(void *user, struct slice key, const struct json_token *token)
{
    struct collect *collect = user;

    for (unsigned i = 0; i < collect->key_count; i++) {
        unsigned at = collect->next + i;

        if (at >= collect->key_count)
            at -= collect->key_count;
        if (!slice_equal(collect->keys[at], key) || key.len == 0)
            continue;
        if (token->type == JSON_TOKEN_OBJECT_BEGIN)
            return JSON_STEP_WHOLE;
        collect->next = at + 1 == collect->key_count ? 0 : at + 1;
        collect->values[at] = *token;
        if (token->type == JSON_TOKEN_NULL)
            *collect->present &= ~(UINT64_C(1) << at);
        else
            *collect->present |= UINT64_C(1) << at;
        break;
    }
    return JSON_STEP_ON;
}

bool json_fields_collect(struct slice text, const struct slice *keys, unsigned key_count,
                         struct json_token *values, uint64_t *present)
{
    struct collect collect = {
        .keys = keys, .key_count = key_count, .values = values, .present = present};
    const char *error;

    assert(key_count <= 64);
    *present = 0;
    return json_fields_walk(text, collect_value, &collect, &error);
}

struct slice json_fields_text(const struct json_token *token, struct arena *arena)
{
    return token->escaped ? json_unescape(token->text, arena) : token->text;
}

field_id json_fields_name(const struct format_context *context, struct slice key, unsigned position)
{
    struct name_cache_entry *entry;

    if (context->cache == NULL || position >= NAME_CACHE_COUNT || key.len > NAME_CACHE_KEY_SIZE ||
        key.len == 0)
        return context->names->get(context->names->user, key);
    entry = &context->cache->entries[position];
    if (entry->key_len == key.len && memcmp(entry->key, key.data, key.len) == 0)
        return entry->field;
    entry->field = context->names->get(context->names->user, key);
    entry->key_len = (uint8_t)key.len;
    memcpy(entry->key, key.data, key.len);
    return entry->field;
}
