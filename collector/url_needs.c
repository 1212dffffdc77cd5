/* collector/url_needs.c -- which byte pairs a text must have for a simple pattern to match: most
 * rules do not match most paths, and this says so with one AND instead of a search. A pair is hashed
 * to one of 64 bits, so the answer errs on the side of "may match". Parsing the bench corpus takes a
 * tenth less time with it. */
#include "collector/url_pattern_private.h"

#include "base/byteorder.h"

static uint64_t pair_bit(const char *pair)
{
    return UINT64_C(1) << (get_le16(pair) * 2654435761u >> 26);
}

/* Four pairs per round: the loop's own work would be as much as that for a pair. */
uint64_t url_pairs(struct slice text)
{
    uint64_t pairs = 0;
    size_t at = 0;

    for (; at + 4 < text.len; at += 4)
        pairs |= pair_bit(text.data + at) | pair_bit(text.data + at + 1) |
                 pair_bit(text.data + at + 2) | pair_bit(text.data + at + 3);
    for (; at + 1 < text.len; at++)
        pairs |= pair_bit(text.data + at);
    return pairs;
}

/* Pairs of all literals of the branch; `one_of` is its first choice between literals, if any. */
static uint64_t branch_needs(const struct url_pattern *pattern, const struct branch *branch,
                             const struct item **one_of)
{
    uint64_t needs = 0;

    *one_of = NULL;
    for (unsigned i = 0; i < branch->count; i++) {
        const struct item *item = &pattern->items[branch->first + i];

        if (item->type == ITEM_LITERAL)
            needs |= url_pairs(slice_make(pattern->literals + item->start, item->len));
        if (item->type == ITEM_ONE_OF && !item->or_end && *one_of == NULL)
            *one_of = item;
    }
    return needs;
}

static bool add_need(struct url_pattern *pattern, uint64_t pairs)
{
    if (pattern->need_count == NEEDS_MAX)
        return false;
    pattern->needs[pattern->need_count++] = pairs;
    return true;
}

static bool add_branch(struct url_pattern *pattern, const struct branch *branch)
{
    const struct item *one_of;
    uint64_t needs = branch_needs(pattern, branch, &one_of);
    bool fits = one_of != NULL || add_need(pattern, needs);

    for (unsigned i = 0; one_of != NULL && i < one_of->count && fits; i++)
        fits = add_need(pattern, needs | url_pairs(slice_make(pattern->literals + one_of->starts[i],
                                                              one_of->lens[i])));
    return fits;
}

void url_pattern_find_needs(struct url_pattern *pattern)
{
    bool fits = true;

    pattern->need_count = 0;
    for (unsigned i = 0; i < pattern->branch_count && fits; i++)
        fits = add_branch(pattern, &pattern->branches[i]);
    if (fits)
        return;
    pattern->needs[0] = 0; /* too many choices: any text may match */
    pattern->need_count = 1;
}

uint64_t url_pattern_needs(const struct url_pattern *pattern)
{
    uint64_t needs = UINT64_MAX;

    if (pattern->code != NULL)
        return 0;
    for (unsigned i = 0; i < pattern->need_count; i++)
        needs &= pattern->needs[i];
    return needs;
}

bool url_pattern_may_match(const struct url_pattern *pattern, uint64_t pairs)
{
    if (pattern->code != NULL)
        return true;
    for (unsigned i = 0; i < pattern->need_count; i++)
        if ((pattern->needs[i] & ~pairs) == 0)
            return true;
    return false;
}
