/* query/literal.c -- sorts a text into number, duration, size or text; base/units.h reads units. */
#include "query/literal.h"

#include "base/units.h"

#include <math.h>

enum { NUMBER_SIZE_MAX = 40 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A plain number; underscores may stand between digits. */
static bool read_number(struct slice text, double *out)
{
    char plain[NUMBER_SIZE_MAX];
    size_t len = 0;

    if (text.len == 0 || !(is_digit(text.data[0]) || text.data[0] == '.'))
        return false;
    for (size_t at = 0; at < text.len; at++) {
        char c = text.data[at];

        if (c == '_' && at > 0 && is_digit(text.data[at - 1]) && at + 1 < text.len &&
            is_digit(text.data[at + 1]))
            continue;
        if (len == sizeof(plain))
            return false;
        plain[len++] = c;
    }
    return slice_to_double((struct slice){plain, len}, out);
}

bool literal_duration(struct slice text, int64_t *out_ns)
{
    return duration_parse(text, out_ns, NULL) == STATUS_OK;
}

void literal_read(struct slice text, struct literal *out)
{
    bool negative = text.len > 1 && text.data[0] == '-';
    struct slice digits = slice_from(text, negative);
    double number = 0;
    int64_t duration_ns;
    uint64_t size;

    *out = (struct literal){.kind = LITERAL_TEXT, .text = text};
    if (slice_is(digits, "inf")) {
        out->kind = LITERAL_NUMBER;
        number = (double)INFINITY;
    } else if (read_number(digits, &number)) {
        out->kind = LITERAL_NUMBER;
    } else if (digits.len == 0 || !is_digit(digits.data[0])) {
        return;
    } else if (literal_duration(digits, &duration_ns)) {
        out->kind = LITERAL_DURATION;
        number = (double)duration_ns;
    } else if (size_parse(digits, &size, NULL) == STATUS_OK) {
        out->kind = LITERAL_SIZE;
        number = (double)size;
    } else {
        return;
    }
    out->number = negative ? -number : number;
}
