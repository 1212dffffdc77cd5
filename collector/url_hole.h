/* collector/url_hole.h -- what patterns do with all texts of one form.
 *
 * A form is a text with holes: runs of bytes of which only the set is known that they are of, and
 * how many there are at least. A question about a form has the same answer for every text of that
 * form, or none. */
#ifndef DENDRO_COLLECTOR_URL_HOLE_H
#define DENDRO_COLLECTOR_URL_HOLE_H

#include "collector/url_pattern.h"
#include "collector/url_set.h"

#include <stdint.h>

/* What may stand in a hole; a slash is not in it. */
struct url_run {
    uint64_t bytes[4]; /* bit per byte */
    uint32_t len_min;  /* 1 or more */
};

struct url_hole {
    uint32_t start, len; /* in one text of that form */
    const struct url_run *run;
};

struct url_form {
    struct slice text; /* one of that form */
    const struct url_hole *holes; /* in order */
    uint32_t hole_count;
};

static inline bool url_run_has(const struct url_run *run, unsigned char byte)
{
    return (run->bytes[byte >> 6] >> (byte & 63) & 1) != 0;
}

enum url_answer { URL_NO, URL_YES, URL_UNKNOWN };

/* As url_pattern_find() of any text of the form. Groups are of the form's own text; in another text
 * they begin and end at the same places in front of, between and behind the holes. `from` is not
 * within a hole. */
enum url_answer url_form_find(const struct url_pattern *pattern, const struct url_form *form,
                              size_t from, struct url_match *out);

/* True if a walk of the set that stands at `row` finds the same in any such run, and goes on behind
 * it in the same way, where a slash follows or nothing. */
bool url_set_is_blind(const struct url_set *set, uint32_t row, const struct url_run *run);

#endif
