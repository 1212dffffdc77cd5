/* store/chunk_encode_fields.h -- the fields of the rows of a batch as the bytes of a chunk.
 *
 * Rows of one format have few distinct lists of fields, and computed texts repeat: both are written
 * once per chunk, and named by numbers. To find them again a table of those met last is enough:
 * what it forgets is written again.
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_CHUNK_ENCODE_FIELDS_H
#define DENDRO_STORE_CHUNK_ENCODE_FIELDS_H

#include "store/chunk.h"

enum {
    FIELD_SHAPE_SLOTS_LOG = 9,
    FIELD_VALUE_SLOTS_LOG = 12,
    FIELD_GUESSES = 128, /* last shapes, by format and count of fields */
};

/* A growing array. */
struct field_list {
    void *items;
    uint32_t count, capacity;
};

struct field_encoder {
    struct name_table *names;
    struct buf out;          /* the fields section */
    struct field_list kinds; /* uint64_t: what the fields of a binding have in common */
    uint32_t *kind_slots;    /* index + 1, by a hash; at most half of them in use */
    uint32_t kind_slot_count;
    struct field_list starts;  /* uint32_t: first place of each shape */
    struct field_list places;  /* uint64_t: the kind of each place, */
    struct field_list numbers; /* uint16_t: and its binding */
    struct field_list values;  /* struct slice: borrowed from the events */
    uint64_t values_size;
    uint32_t guesses[FIELD_GUESSES]; /* these: index + 1; 0: nothing yet */
    uint32_t shape_slots[1 << FIELD_SHAPE_SLOTS_LOG];
    uint32_t value_slots[1 << FIELD_VALUE_SLOTS_LOG];
};

/* `names` of the fields; they must outlive it. */
void field_encoder_init(struct field_encoder *encoder, struct name_table *names);
void field_encoder_release(struct field_encoder *encoder);

/* Append the fields of the event, whose computed texts must stay until the end.
 * Errors: INVALID (a span, type or name out of range), TOO_LARGE, NO_MEMORY. */
enum status field_encoder_add(struct field_encoder *encoder, const struct event *event,
                              struct error *err) WARN_UNUSED;

/* The sections that stand behind the text: their sizes, and their bytes, each from `at` on. */
size_t field_encoder_shapes_size(const struct field_encoder *encoder);
size_t field_encoder_bindings_size(const struct field_encoder *encoder);
void field_encoder_put_values(const struct field_encoder *encoder, char *at);
void field_encoder_put_shapes(const struct field_encoder *encoder, char *at);
void field_encoder_put_bindings(const struct field_encoder *encoder, char *at);

#endif
