/* query/problem.c -- messages about a query's text, with the nearest known name.
 * Distance: restricted Damerau-Levenshtein, by rows of the usual table. */
#include "query/problem.h"

#include <stdarg.h>
#include <stdio.h>

enum { NAME_SIZE_MAX = 40 }; /* longer words are no misspelt names of ours */

enum status problem_set(struct query_problem *problem, const char *code, size_t at, size_t length,
                        const char *format, ...)
{
    va_list args;

    *problem = (struct query_problem){.code = code, .at = at, .length = length, .line = 1};
    va_start(args, format);
    vsnprintf(problem->message, sizeof(problem->message), format, args);
    va_end(args);
    return strcmp(code, "query_limit") == 0 ? STATUS_TOO_LARGE : STATUS_INVALID;
}

void problem_hint(struct query_problem *problem, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(problem->hint, sizeof(problem->hint), format, args);
    va_end(args);
}

void problem_expected(struct query_problem *problem, const char *expected)
{
    snprintf(problem->expected, sizeof(problem->expected), "%s", expected);
}

enum status problem_from_error(struct query_problem *problem, const struct error *err)
{
    const char *code = "storage";

    switch (err->status) {
    case STATUS_CANCELLED:
        code = "cancelled";
        break;
    case STATUS_TOO_LARGE:
    case STATUS_NO_MEMORY:
        code = "query_limit";
        break;
    case STATUS_INVALID:
        code = "query_type";
        break;
    case STATUS_OK:
    case STATUS_AGAIN:
    case STATUS_END:
        code = "internal";
        break;
    default:
        break;
    }
    problem_set(problem, code, 0, 0, "%s", err->message);
    return err->status;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

static unsigned distance(struct slice a, struct slice b)
{
    unsigned rows[3][NAME_SIZE_MAX + 1];

    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a.len; i++) {
        unsigned *now = rows[i % 3], *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned change = above[j - 1] + (a.data[i - 1] != b.data[j - 1]);

            now[j] = min3(above[j] + 1, now[j - 1] + 1, change);
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
                a.data[i - 2] == b.data[j - 1] && two_above[j - 2] + 1 < now[j])
                now[j] = two_above[j - 2] + 1;
        }
    }
    return rows[a.len % 3][b.len];
}

const char *nearest_name(struct slice word, const char *const *names, size_t count)
{
    const char *best = NULL;
    unsigned best_distance = (unsigned)(word.len < 3 ? 1 : (word.len + 2) / 3) + 1;

    if (word.len == 0 || word.len > NAME_SIZE_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        struct slice name = slice_of(names[i]);
        unsigned d;

        if (name.len == 0 || name.len > NAME_SIZE_MAX)
            continue;
        d = distance(word, name);
        if (d < best_distance) {
            best_distance = d;
            best = names[i];
        }
    }
    return best;
}
