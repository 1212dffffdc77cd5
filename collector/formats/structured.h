/* collector/formats/structured.h -- lines that name their own fields (JSON, logfmt): which of the
 * keys bear a name of ours, and how their values read.
 * Thread safety: pure functions. */
#ifndef DENDRO_COLLECTOR_FORMATS_STRUCTURED_H
#define DENDRO_COLLECTOR_FORMATS_STRUCTURED_H

#include "collector/format.h"

enum structured_kind {
    STRUCTURED_VALUE, /* a field, with the key as its name */
    STRUCTURED_TIME,
    STRUCTURED_LEVEL,
};

struct structured_key {
    enum structured_kind kind;
    enum field_type type;
    enum field_unit unit;
    uint8_t rank; /* of several times or levels in a line, the lowest counts */
};

/* What is known of a key; others are text, or numbers by their looks. */
struct structured_key structured_key_of(struct slice key);
/* FIELD_INT or FIELD_FLOAT if the text is such a number, else FIELD_TEXT. */
enum field_type structured_type_of(struct slice text);
/* Level from a word, or from the numbers of bunyan and pino (10 trace .. 60 fatal). */
enum level structured_level(struct slice text);
/* An ISO stamp or a number since the epoch. */
bool structured_time(const struct format_context *context, struct slice text, int64_t *out);

#endif
