/* query/names.c -- numbers of field names. */
#include "query/names.h"

#include "store/store.h"

#include <stdlib.h>

enum { NAMES_TEXT_SIZE_MAX = 8 << 20 };

enum status names_init(struct names *names, struct store *store, struct error *err)
{
    *names = (struct names){.store = store,
                            .arena = arena_empty(NAMES_TEXT_SIZE_MAX),
                            .map = map_empty(NAMES_LOCAL_MAX)};
    if (pthread_mutex_init(&names->lock, NULL) != 0)
        return error_set(err, STATUS_NO_MEMORY, "cannot make a lock");
    return STATUS_OK;
}

void names_release(struct names *names)
{
    pthread_mutex_destroy(&names->lock);
    arena_release(&names->arena);
    map_release(&names->map);
    free(names->texts);
}

static field_id well_known(struct slice name)
{
    for (uint32_t i = 0; i < FIELD_ID_WELL_KNOWN_COUNT; i++)
        if (slice_is(name, well_known_field_names[i]))
            return i;
    return FIELD_ID_NONE;
}

/* A new local name. Room for texts doubles when their count reaches a power of two. */
static field_id add_local(struct names *names, struct slice name)
{
    uint32_t count = names->map.count;
    struct slice own = arena_copy(&names->arena, name);

    if (count >= NAMES_LOCAL_MAX || (own.len == 0 && name.len > 0))
        return FIELD_ID_NONE;
    if ((count & (count - 1)) == 0) {
        size_t room = count == 0 ? 1 : (size_t)count * 2;
        struct slice *grown = realloc(names->texts, room * sizeof(*grown));

        if (grown == NULL)
            return FIELD_ID_NONE;
        names->texts = grown;
    }
    if (!map_put(&names->map, own, count))
        return FIELD_ID_NONE;
    names->texts[count] = own;
    return NAMES_LOCAL_FIRST + count;
}

field_id names_id(struct names *names, struct slice name)
{
    uint32_t local;
    field_id field = names->store != NULL ? store_field_find(names->store, name)
                                          : well_known(name);

    if (field != FIELD_ID_NONE)
        return field;
    pthread_mutex_lock(&names->lock);
    local = map_get(&names->map, name);
    field = local != MAP_NONE ? NAMES_LOCAL_FIRST + local : add_local(names, name);
    pthread_mutex_unlock(&names->lock);
    return field;
}

struct slice names_text(struct names *names, field_id field)
{
    struct slice text;

    if (!names_is_local(field)) {
        if (field < FIELD_ID_WELL_KNOWN_COUNT)
            return slice_of(well_known_field_names[field]);
        return names->store != NULL ? store_field_name(names->store, field) : (struct slice){0};
    }
    pthread_mutex_lock(&names->lock);
    text = field - NAMES_LOCAL_FIRST < names->map.count ? names->texts[field - NAMES_LOCAL_FIRST]
                                                        : (struct slice){0};
    pthread_mutex_unlock(&names->lock);
    return text;
}
