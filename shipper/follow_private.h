/* shipper/follow_private.h -- what the files follow*.c share. */
#ifndef DENDRO_SHIPPER_FOLLOW_PRIVATE_H
#define DENDRO_SHIPPER_FOLLOW_PRIVATE_H

#include "shipper/follow.h"
#include "shipper/limits.h"

/* The time of a file system is the tick that a change began in, and may lie behind the clock. */
#define FILE_TIME_MARGIN_NS SECOND_NS

/* A file that a scan found and no source has yet. */
struct candidate {
    const char *path;
    const struct source_settings *settings; /* NULL: matches no pattern */
    struct set_directory *directory;
    struct io_info info;
    struct file_key key;
    struct content content;
    bool link;
    const char *before;          /* its name before a rotation that we missed; NULL: none */
    int64_t missed_since_ns;     /* with `before`: see skip_list.h */
    char first[PREFIX_SIZE_MAX]; /* first bytes, decompressed */
    size_t first_len;
};

/* follow.c */
void source_enter(struct follow *follow, struct source *source, enum source_state state,
                  const char *decision);
void source_give_up(struct follow *follow, struct source *source);
/* The bytes before `offset` (at most TAIL_SIZE_MAX) into `bytes`; an empty slice if the file is
 * shorter or cannot be read and offset > 0. */
struct slice bytes_before(struct follow *follow, struct content *content, uint64_t offset,
                          char bytes[TAIL_SIZE_MAX]);
struct slice candidate_first(const struct candidate *candidate);
/* Take over descriptor, path and settings of the candidate. */
void source_attach(struct follow *follow, struct source *source, struct candidate *candidate);
void source_close(struct follow *follow, struct source *source);
void source_learn_prefix(struct source *source, struct slice first);

/* follow_scan.c */
void follow_scan_due(struct follow *follow);

/* follow_identify.c: decide about one open candidate; a source that takes it over takes the
 * descriptor out of it. */
bool identify_known(struct follow *follow, struct candidate *candidate); /* false: not known */
void identify_new(struct follow *follow, struct candidate *candidate);
enum verdict {
    VERDICT_NEW,     /* no known file: the caller begins it */
    VERDICT_ADOPTED, /* a source goes on in it */
    VERDICT_HELD,    /* cannot be said yet */
    VERDICT_SKIPPED, /* is not read; the skip list has the reason */
};
/* Is a file with bytes, whose marks are not known, a part of a known one? */
enum verdict identify_by_content(struct follow *follow, struct candidate *candidate);
/* Make a source of it, whatever it is; NULL: no room. */
struct source *identify_begin(struct follow *follow, struct candidate *candidate);
/* Where a file that became shorter than our position begins anew: at its new end if its first
 * bytes are the same (an editor), else at 0. */
struct cut cut_of(struct follow *follow, const struct source *source, struct content *content,
                  struct slice first, uint64_t size);

/* follow_poll.c */
void follow_poll_due(struct follow *follow);
/* Look at it now: growth, truncation, its end. */
void poll_source(struct follow *follow, struct source *source);

/* follow_vacant.c */
/* Hold the empty file open as a vacant source; false: it is none to hold, or there is no room. */
bool vacant_hold(struct follow *follow, struct candidate *candidate);
/* Once it has bytes: what is it? True: a file of its own, not vacant any more. */
bool vacant_decide(struct follow *follow, struct source *source, const struct io_info *info);
/* Before a scan of `directory` begins new files: those that were there first come first. */
void vacant_look(struct follow *follow, const struct set_directory *directory);
/* Take those out of the table that are over; no scan and no poll is running. */
void vacant_drop(struct follow *follow);

#endif
