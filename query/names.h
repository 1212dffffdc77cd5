/* query/names.h -- field names of one run as numbers: those of the store keep the store's number,
 * names that only the query uses get one of their own.
 * Thread safety: every function may be called from any thread. */
#ifndef DENDRO_QUERY_NAMES_H
#define DENDRO_QUERY_NAMES_H

#include "base/arena.h"
#include "base/error.h"
#include "base/map.h"
#include "store/event.h"

#include <pthread.h>
#include <stdbool.h>

struct store;

#define NAMES_LOCAL_FIRST (1u << 30) /* above every number of a store */
#define NAMES_LOCAL_MAX   65536u     /* as many as a store has */
#define FIELD_ID_NONE     UINT32_MAX

struct names {
    struct store *store; /* NULL: only well-known names have the store's numbers */
    pthread_mutex_t lock;
    struct arena arena;
    struct map map;
    struct slice *texts; /* of local names, by number - NAMES_LOCAL_FIRST */
};

enum status names_init(struct names *names, struct store *store, struct error *err) WARN_UNUSED;
void names_release(struct names *names);

/* The number of a name; FIELD_ID_NONE when there are too many. */
field_id names_id(struct names *names, struct slice name);
struct slice names_text(struct names *names, field_id field);

/* Has no row of the store a field of this number? */
static inline bool names_is_local(field_id field)
{
    return field >= NAMES_LOCAL_FIRST;
}

#endif
