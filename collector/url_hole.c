/* collector/url_hole.c -- a pattern on a text with holes: match_at() of url_pattern.c again, but
 * a byte of a hole is any byte of its set. Since a simple pattern never goes back, there is one way
 * through it; where that way depends on what is in a hole, the answer is "unknown". */
#include "collector/url_hole.h"

#include "collector/url_pattern_private.h"

/* The hole that begins at `at`; NULL: none does. */
static const struct url_hole *hole_at(const struct url_form *form, size_t at)
{
    for (uint32_t i = 0; i < form->hole_count; i++)
        if (form->holes[i].start == at)
            return &form->holes[i];
    return NULL;
}

/* `text` against the first bytes of a hole. It does not match if one of the bytes that the hole has
 * in any case cannot be in it. */
static enum url_answer match_in_hole(const struct url_run *run, const char *text, size_t len)
{
    for (size_t i = 0; i < len && i < run->len_min; i++)
        if (!url_run_has(run, (unsigned char)text[i]))
            return URL_NO;
    return URL_UNKNOWN;
}

static enum url_answer match_literal(const struct url_form *form, size_t at, const char *literal,
                                     size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const struct url_hole *hole = hole_at(form, at + i);

        if (hole != NULL)
            return match_in_hole(hole->run, literal + i, len - i);
        if (at + i >= form->text.len || form->text.data[at + i] != literal[i])
            return URL_NO;
    }
    return URL_YES;
}

static enum url_answer match_one_of(const struct url_pattern *pattern, const struct item *item,
                                    const struct url_form *form, size_t *at)
{
    for (unsigned i = 0; i < item->count; i++) {
        enum url_answer answer =
            match_literal(form, *at, pattern->literals + item->starts[i], item->lens[i]);

        if (answer == URL_YES)
            *at += item->lens[i];
        if (answer != URL_NO)
            return answer;
    }
    return item->or_end && *at == form->text.len ? URL_YES : URL_NO;
}

/* Of the class: every byte that may be in the hole (YES), none (NO), or some. */
static enum url_answer class_has_run(const struct item *item, const struct url_run *run)
{
    bool all = true, none = true;

    for (unsigned i = 0; i < COUNT_OF(run->bytes); i++) {
        all = all && (run->bytes[i] & ~item->bytes[i]) == 0;
        none = none && (run->bytes[i] & item->bytes[i]) == 0;
    }
    return all ? URL_YES : none ? URL_NO : URL_UNKNOWN;
}

static enum url_answer match_class(const struct item *item, const struct url_form *form, size_t *at)
{
    size_t count = 0; /* bytes of the class, at least */
    bool has_hole = false;

    while (*at < form->text.len && (item->max == REPEAT_MAX || count < item->max)) {
        const struct url_hole *hole = hole_at(form, *at);
        enum url_answer has = URL_NO;

        if (hole == NULL) {
            if (!class_has(item, (unsigned char)form->text.data[*at]))
                break;
            count++;
            *at += 1;
            continue;
        }
        has = class_has_run(item, hole->run);
        if (has == URL_NO)
            break;
        if (has == URL_UNKNOWN || item->max != REPEAT_MAX)
            return URL_UNKNOWN;
        has_hole = true;
        count += hole->run->len_min;
        *at += hole->len;
    }
    return count >= item->min ? URL_YES : has_hole ? URL_UNKNOWN : URL_NO;
}

/* The one branch of the pattern at exactly `at`, which is not within a hole. */
static enum url_answer match_at(const struct url_pattern *pattern, const struct url_form *form,
                                size_t at, struct url_match *out)
{
    const struct branch *branch = &pattern->branches[0];
    const char *text = form->text.data;
    size_t start = at;

    for (unsigned i = 0; i < branch->count; i++) {
        const struct item *item = &pattern->items[branch->first + i];
        enum url_answer answer = URL_YES;

        switch (item->type) {
        case ITEM_LITERAL:
            answer = match_literal(form, at, pattern->literals + item->start, item->len);
            at += item->len;
            break;
        case ITEM_CLASS:
            answer = match_class(item, form, &at);
            break;
        case ITEM_OPEN:
            out->groups[item->group].data = text + at;
            break;
        case ITEM_CLOSE:
            out->groups[item->group].len = (size_t)(text + at - out->groups[item->group].data);
            break;
        case ITEM_ONE_OF:
            answer = match_one_of(pattern, item, form, &at);
            break;
        }
        if (answer != URL_YES)
            return answer;
    }
    if (branch->at_end && at != form->text.len)
        return URL_NO;
    out->groups[0] = slice_make(text + start, at - start);
    return URL_YES;
}

/* Quick look at a place in no hole: does the pattern begin with another byte? */
static bool begins_elsewhere(const struct url_pattern *pattern, const struct url_form *form,
                             size_t at)
{
    const struct item *first = &pattern->items[pattern->branches[0].first];

    return first->type == ITEM_LITERAL &&
           (at == form->text.len || form->text.data[at] != pattern->literals[first->start]);
}

/* No match begins at the second byte of the hole or behind that, given that none begins at its
 * first. A literal fails if its bytes that may be in the hole are followed by one that can stand
 * neither there nor behind it; a class that takes the whole hole stands behind it wherever it
 * began. */
static bool fails_within(const struct url_pattern *pattern, const struct url_form *form,
                         const struct url_hole *hole)
{
    const struct item *item = &pattern->items[pattern->branches[0].first];
    const struct item *end = item + pattern->branches[0].count;
    size_t behind = (size_t)hole->start + hole->len, len = 0;
    const char *literal;

    while (item < end && item->type == ITEM_OPEN)
        item++;
    if (item == end)
        return false;
    if (item->type == ITEM_CLASS)
        return item->min > 0 &&
               (class_has_run(item, hole->run) == URL_NO ||
                (class_has_run(item, hole->run) == URL_YES && item->max == REPEAT_MAX));
    if (item->type != ITEM_LITERAL)
        return false;
    literal = pattern->literals + item->start;
    while (len < item->len && url_run_has(hole->run, (unsigned char)literal[len]))
        len++;
    if (len == 0)
        return true;
    if (len == item->len || (behind < form->text.len && hole_at(form, behind) != NULL))
        return false;
    return behind == form->text.len ||
           (literal[len] != form->text.data[behind] &&
            !url_run_has(hole->run, (unsigned char)form->text.data[behind]));
}

enum url_answer url_form_find(const struct url_pattern *pattern, const struct url_form *form,
                              size_t from, struct url_match *out)
{
    if (!url_pattern_is_single(pattern))
        return URL_UNKNOWN;
    if (pattern->branches[0].at_start)
        return from == 0 ? match_at(pattern, form, 0, out) : URL_NO;
    for (size_t at = from; at <= form->text.len; at++) {
        const struct url_hole *hole = hole_at(form, at);
        enum url_answer answer;

        if (hole == NULL && begins_elsewhere(pattern, form, at))
            continue;
        answer = match_at(pattern, form, at, out);
        if (answer != URL_NO)
            return answer;
        if (hole == NULL)
            continue;
        if (!fails_within(pattern, form, hole))
            return URL_UNKNOWN;
        at += hole->len - 1;
    }
    return URL_NO;
}
