/* store/chunk_encode_fields.h -- the fields of the rows of a batch as the bytes of a chunk.
 *
 * Rows of one format have few distinct lists of fields, and computed texts repeat: both are written
 * once per chunk, and named by numbers. To find them again a table of those met last is enough:
 * what it forgets is written again. Who finds fields may encode them at once, while they are at hand
 * (batch.fields): that takes two bytes of each, where an event_field is 32.
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_CHUNK_ENCODE_FIELDS_H
#define DENDRO_STORE_CHUNK_ENCODE_FIELDS_H

#include "base/buf.h"
#include "base/error.h"
#include "store/event.h"

struct name_table;

enum {
    FIELD_SHAPE_SLOTS_LOG = 9,
    FIELD_VALUE_SLOTS_LOG = 12,
    FIELD_GUESSES = 128,
    FIELD_GUESS_COUNT_MAX = 27, /* fields of an event whose shape is guessed */
};

/* A growing array. */
struct field_list {
    void *items;
    uint32_t count, capacity;
};

/* Shape of the last event of a kind, and the order in which its fields were found: those of the next
 * one are mostly the same, in the same order. */
struct field_guess {
    uint32_t shape; /* index + 1; 0: none yet */
    uint8_t count;
    uint8_t places[FIELD_GUESS_COUNT_MAX];
};

struct field_encoder {
    struct buf out;          /* the fields section */
    struct field_list kinds; /* uint64_t: what the fields of a binding have in common */
    uint32_t *kind_slots;    /* index + 1, by a hash; at most half of them in use */
    uint32_t kind_slot_count;
    struct field_list starts;  /* uint32_t: first place of each shape */
    struct field_list places;  /* uint64_t: the kind of each place, */
    struct field_list numbers; /* uint16_t: and its binding */
    struct field_list values;  /* struct slice: borrowed from the events */
    uint64_t values_size;
    struct field_guess guesses[FIELD_GUESSES];
    uint32_t shape_slots[1 << FIELD_SHAPE_SLOTS_LOG]; /* these: index + 1; 0: nothing yet */
    uint32_t value_slots[1 << FIELD_VALUE_SLOTS_LOG];
};

void field_encoder_init(struct field_encoder *encoder);
void field_encoder_release(struct field_encoder *encoder);
/* Forget all events, keep the memory (unless it is large). */
void field_encoder_reset(struct field_encoder *encoder);
/* Forget the last events: those whose fields stand at `fields_at` and behind it. */
void field_encoder_cut(struct field_encoder *encoder, uint32_t fields_at);

/* Append the fields of the event, whose computed texts must stay until the end.
 * Errors: INVALID (a span or type out of range), TOO_LARGE, NO_MEMORY; nothing is appended. */
enum status field_encoder_add(struct field_encoder *encoder, const struct event *event,
                              struct error *err) WARN_UNUSED;
/* The same of fields in any order (field_order.h), FOUND_FIELDS_MAX at most. */
enum status field_encoder_add_found(struct field_encoder *encoder, const struct event *event,
                                    struct error *err) WARN_UNUSED;

/* Does each field have a name in `names`? */
bool field_encoder_is_named(const struct field_encoder *encoder, struct name_table *names);

/* The sections that stand behind the text: their sizes, and their bytes, each from `at` on. */
size_t field_encoder_shapes_size(const struct field_encoder *encoder);
size_t field_encoder_bindings_size(const struct field_encoder *encoder, struct name_table *names);
void field_encoder_put_values(const struct field_encoder *encoder, char *at);
void field_encoder_put_shapes(const struct field_encoder *encoder, char *at);
void field_encoder_put_bindings(const struct field_encoder *encoder, struct name_table *names,
                                char *at);

#endif
