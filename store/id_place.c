/* store/id_place.c -- dashes and ends of words against the layout of ids. */
#include "store/id_place.h"

static bool is_dash(struct slot_kind kind, size_t at)
{
    return kind.type == SLOT_UUID && (at == 8 || at == 13 || at == 18 || at == 23);
}

static size_t text_size(struct slot_kind kind)
{
    return kind.type == SLOT_UUID ? 36 : 2 * (size_t)slot_id_size(kind);
}

/* Beyond the match comes no word byte, that is a dash, or the end of the id if that is good. */
static bool edge_fits(uint8_t edge, bool at_end, bool dash)
{
    return edge == EDGE_ANY || (at_end ? edge == EDGE_GOOD : dash);
}

static bool fits(struct slot_kind kind, const struct needle_term *term, struct slice text,
                 size_t at)
{
    size_t end = at + text.len;

    for (size_t i = 0; i < text.len; i++)
        if ((text.data[i] == '-') != is_dash(kind, at + i))
            return false;
    if (term->test == TEST_EQUAL)
        return true;
    return (term->test == TEST_PREFIX ||
            edge_fits(term->left, at == 0, at > 0 && is_dash(kind, at - 1))) &&
           (term->test == TEST_SUFFIX ||
            edge_fits(term->right, end == text_size(kind), is_dash(kind, end)));
}

uint64_t id_places(struct slot_kind kind, const struct needle *needle,
                   const struct needle_term *term)
{
    struct slice text = needle_term_text(needle, term);
    size_t size = text_size(kind), first = 0, last;
    uint64_t places = 0;

    /* An id begins and ends with a digit. */
    if (term->test == TEST_FIRST_NOT_WORD || term->test == TEST_LAST_NOT_WORD || text.len > size ||
        (term->test == TEST_EQUAL && text.len < size))
        return 0;
    last = term->test == TEST_PREFIX ? 0 : size - text.len;
    if (term->test == TEST_SUFFIX)
        first = last;
    for (size_t at = first; at <= last; at++)
        if (fits(kind, term, text, at))
            places |= (uint64_t)1 << (at & 63);
    return places;
}
