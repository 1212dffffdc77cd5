/* store/predicate.c -- what a text test means. One definition, used by the head, by plain columns
 * and as the oracle of every faster way. */
#include "store/predicate.h"

static unsigned char fold(char c)
{
    unsigned char u = (unsigned char)c;

    return (unsigned char)(u - 'A') < 26 ? (unsigned char)(u | 0x20) : u;
}

static bool equal_fold_at(struct slice text, size_t at, struct slice needle)
{
    for (size_t i = 0; i < needle.len; i++)
        if (fold(text.data[at + i]) != fold(needle.data[i]))
            return false;
    return true;
}

/* First occurrence at or after `from`; SIZE_MAX if none. The caller makes sure that `needle` is
 * not empty. */
static size_t find_from(struct slice text, size_t from, struct slice needle, bool fold_case)
{
    unsigned char first = fold(needle.data[0]);
    size_t found;

    if (from > text.len || text.len - from < needle.len)
        return SIZE_MAX;
    if (!fold_case) {
        found = slice_find(slice_from(text, from), needle);
        return found == SIZE_MAX ? SIZE_MAX : found + from;
    }
    for (size_t at = from; at <= text.len - needle.len; at++)
        if (fold(text.data[at]) == first && equal_fold_at(text, at, needle))
            return at;
    return SIZE_MAX;
}

static bool boundary_left(struct slice text, size_t at, struct slice needle)
{
    return at == 0 || !is_word_byte(needle.data[0]) || !is_word_byte(text.data[at - 1]);
}

static bool boundary_right(struct slice text, size_t end, struct slice needle)
{
    return end == text.len || !is_word_byte(needle.data[needle.len - 1]) ||
           !is_word_byte(text.data[end]);
}

/* End of the first occurrence of the needle, at or after `from`, whose ends are as `match` asks;
 * SIZE_MAX if none. */
static size_t find_match(struct slice text, size_t from, struct slice needle,
                         enum text_match match, bool fold_case)
{
    size_t at;

    if (needle.len == 0)
        return from;
    for (at = find_from(text, from, needle, fold_case); at != SIZE_MAX;
         at = find_from(text, at + 1, needle, fold_case)) {
        if (match != TEXT_SUBSTRING && !boundary_left(text, at, needle))
            continue;
        if (match == TEXT_PHRASE && !boundary_right(text, at + needle.len, needle))
            continue;
        return at + needle.len;
    }
    return SIZE_MAX;
}

static bool equal_text(struct slice a, struct slice b, bool fold_case)
{
    return fold_case ? slice_equal_fold(a, b) : slice_equal(a, b);
}

static bool match_one(const struct predicate *predicate, struct slice text)
{
    struct slice needle = predicate->text;

    switch (predicate->match) {
    case TEXT_EXACT:
        return equal_text(text, needle, predicate->fold_case);
    case TEXT_EXACT_PREFIX:
        return text.len >= needle.len &&
               equal_text(slice_first(text, needle.len), needle, predicate->fold_case);
    case TEXT_PHRASE:
    case TEXT_PREFIX:
    case TEXT_SUBSTRING:
        break;
    }
    return find_match(text, 0, needle, predicate->match, predicate->fold_case) != SIZE_MAX;
}

/* The earliest end of each phrase leaves the most room for the next, so greedy is exact. */
static bool match_sequence(const struct predicate *predicate, struct slice text)
{
    size_t from = 0;

    for (uint32_t i = 0; i < predicate->text_count; i++) {
        from = find_match(text, from, predicate->texts[i], TEXT_PHRASE, predicate->fold_case);
        if (from == SIZE_MAX)
            return false;
    }
    return true;
}

static bool match_in(const struct predicate *predicate, struct slice text)
{
    for (uint32_t i = 0; i < predicate->text_count; i++)
        if (equal_text(text, predicate->texts[i], predicate->fold_case))
            return true;
    return false;
}

bool predicate_match_text(const struct predicate *predicate, struct slice text)
{
    double len = (double)text.len;

    switch (predicate->kind) {
    case PRED_TEXT:
        return match_one(predicate, text);
    case PRED_IN:
        return match_in(predicate, text);
    case PRED_SEQUENCE:
        return match_sequence(predicate, text);
    case PRED_CALL:
        return predicate->call(predicate->user, text);
    case PRED_LENGTH:
        return len >= predicate->low && len <= predicate->high;
    case PRED_EXISTS:
        return text.len > 0;
    default:
        return false;
    }
}
