/* base/suggest.c -- "did you mean": optimal string alignment distance (an edit inserts, deletes,
 * replaces one letter or swaps two neighbours), case-folded, '-' equal to '_'. */
#include "base/option.h"

enum { WORD_SIZE_MAX = 32 };

static char folded(char byte)
{
    if (byte >= 'A' && byte <= 'Z')
        return (char)(byte | 0x20);
    return byte == '-' ? '_' : byte;
}

static unsigned min_of(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Both at most WORD_SIZE_MAX bytes. */
static unsigned distance(struct slice a, struct slice b)
{
    unsigned rows[3][WORD_SIZE_MAX + 1]; /* the row before last, the last, this one */
    unsigned *before = rows[0];
    unsigned *last = rows[1];
    unsigned *row = rows[2];

    for (unsigned j = 0; j <= b.len; j++)
        last[j] = before[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned *spare = before;

        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned same = folded(a.data[i - 1]) == folded(b.data[j - 1]);

            row[j] = min_of(min_of(last[j], row[j - 1]) + 1, last[j - 1] + !same);
            if (i > 1 && j > 1 && folded(a.data[i - 1]) == folded(b.data[j - 2]) &&
                folded(a.data[i - 2]) == folded(b.data[j - 1]))
                row[j] = min_of(row[j], before[j - 2] + 1);
        }
        before = last;
        last = row;
        row = spare;
    }
    return last[b.len];
}

const char *suggest(struct slice word, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    unsigned best_distance = (unsigned)word.len / 3 + 2; /* must be below: an edit, and per 3 one */

    if (word.len == 0 || word.len > WORD_SIZE_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        struct slice candidate = slice_of(candidates[i]);
        unsigned edits;

        if (candidate.len == 0 || candidate.len > WORD_SIZE_MAX)
            continue;
        edits = distance(word, candidate);
        if (edits < best_distance && edits < candidate.len) {
            best = candidates[i];
            best_distance = edits;
        }
    }
    return best;
}
