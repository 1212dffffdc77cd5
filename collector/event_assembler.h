/* collector/event_assembler.h -- the event that is being put together from lines: its bytes, and
 * the text of it that its format sees (peel.h).
 *
 *   empty --begin--> open --add--> open ... --reset--> empty
 *
 * Which line belongs to it is the format's word (line_kind); the bounds are here.
 * Thread safety: one thread at a time per assembler. */
#ifndef DENDRO_COLLECTOR_EVENT_ASSEMBLER_H
#define DENDRO_COLLECTOR_EVENT_ASSEMBLER_H

#include "base/buf.h"
#include "base/error.h"
#include "collector/format.h"
#include "collector/peel.h"
#include "store/event.h"

#include <stdbool.h>
#include <stdint.h>

/* Bounds of an event: at one of them it ends, and the next line begins another. */
enum {
    EVENT_LINES_MAX = 1000,
    EVENT_SIZE_MAX = 256 << 10,
    EVENT_PIECES_MAX = 8192, /* of text that stands in the bytes; the rest becomes computed text */
};
#define EVENT_IDLE_NS (2 * INT64_C(1000000000))

struct event_assembler {
    const struct format *format; /* NULL: empty */
    struct slice borrowed;       /* the same lines where they came from; `data` NULL: in `bytes` */
    struct buf bytes;            /* lines with newlines between */
    struct buf text;             /* what the format sees, unless `plain` */
    struct buf pieces;           /* of struct peel_piece: from `text` to `bytes`, unless `plain` */
    bool plain;                  /* the text is the bytes */
    bool joins;                  /* the text of the next line goes on without a newline (CRI P) */
    uint8_t flags;               /* enum event_flags, of all lines */
    uint32_t line_count;
    uint32_t source_len;
    uint64_t offset;
    uint64_t state;            /* what line_kind remembers */
    struct slice wrapper_time; /* of the first line, in wrapper_text */
    char wrapper_text[40];
};

/* A line as the source gives it, and its peeled text. */
struct assembler_line {
    struct slice bytes;
    uint64_t offset;
    uint32_t source_len;
    uint8_t flags;
    bool followed; /* as in struct source_line: the bytes may be borrowed */
    const struct peeled *peeled;
};

struct event_assembler event_assembler_empty(void);
void event_assembler_release(struct event_assembler *assembler);
/* Forget the event, keep the memory (unless it is large). */
void event_assembler_reset(struct event_assembler *assembler);

static inline bool event_assembler_is_open(const struct event_assembler *assembler)
{
    return assembler->format != NULL;
}

/* Bytes and text so far; until the next call. If nothing was peeled off and all lines are followed
 * ones, these are the lines as they were given, not a copy: event_assembler_borrows(). */
static inline bool event_assembler_borrows(const struct event_assembler *assembler)
{
    return assembler->borrowed.data != NULL;
}

static inline struct slice event_assembler_bytes(const struct event_assembler *assembler)
{
    return event_assembler_borrows(assembler) ? assembler->borrowed : buf_slice(&assembler->bytes);
}

static inline struct slice event_assembler_text(const struct event_assembler *assembler)
{
    return assembler->plain ? event_assembler_bytes(assembler) : buf_slice(&assembler->text);
}

/* Would the line stay inside the bounds? Also of an empty assembler. */
static inline bool event_assembler_fits(const struct event_assembler *assembler, struct slice line)
{
    return assembler->line_count < EVENT_LINES_MAX &&
           line.len < EVENT_SIZE_MAX - event_assembler_bytes(assembler).len;
}

/* First and further lines; they must fit. Errors: NO_MEMORY, and nothing has changed. */
enum status event_assembler_begin(struct event_assembler *assembler, const struct format *format,
                                  const struct assembler_line *line, struct error *err) WARN_UNUSED;
enum status event_assembler_add(struct event_assembler *assembler,
                                const struct assembler_line *line, struct error *err) WARN_UNUSED;

/* Turn spans of a text into spans of the bytes that it was peeled from; what does not stand there
 * as a whole becomes computed text in `arena`. */
void peel_map_fields(struct parsed_event *parsed, struct slice text,
                     const struct peel_piece *pieces, uint32_t piece_count, struct arena *arena);

#endif
