/* store/id_place.h -- where a text can lie in the ids of a kind, before any id is read.
 *
 * All ids of a kind are equally long, with dashes in the same places, and all their other bytes are word
 * bytes. So a whole word of 16 digits lies in no UUID, nor in ids of 32 digits, and most texts that lie in
 * some lie at their begin, where a look at the first four bytes settles it.
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_ID_PLACE_H
#define DENDRO_STORE_ID_PLACE_H

#include "store/needle.h"

/* A bit per byte of the id's text (at most 64) at which the term's text can begin; 0: no id of the kind
 * passes the term. Digits are not looked at. */
uint64_t id_places(struct slot_kind kind, const struct needle *needle,
                   const struct needle_term *term);

#endif
