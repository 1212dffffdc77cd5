/* query/time_range.c -- periods and ages to ranges of instants. */
#include "query/time_range.h"

#include "base/units.h"

static int64_t saturating_subtract(int64_t a, int64_t b)
{
    int64_t result;

    if (__builtin_sub_overflow(a, b, &result))
        return b > 0 ? INT64_MIN : INT64_MAX;
    return result;
}

/* The period that a literal stands for; a duration is the instant that long before the end. The
 * grammar has checked it, so that it can only fail for a text that no zone makes valid. */
static struct time_range period_of(const struct literal *literal, const struct zone *zone,
                                   int64_t end_ns)
{
    struct instant instant = {0, 0};
    int64_t at;

    if (literal->kind == LITERAL_DURATION) {
        at = saturating_subtract(end_ns, (int64_t)literal->number);
        return (struct time_range){at, at};
    }
    if (instant_parse(literal->text, zone, end_ns, &instant, NULL) != STATUS_OK)
        return (struct time_range){0, 0};
    return (struct time_range){instant.from_ns, instant.until_ns};
}

/* `>` of an age means older, of an instant later. */
static struct time_range compare_range(const struct time_filter *filter, struct time_range period)
{
    bool age = filter->low.kind == LITERAL_DURATION;

    switch (filter->compare) {
    case COMPARE_GREATER:
        return age ? (struct time_range){INT64_MIN, period.min_ns}
                   : (struct time_range){period.max_ns, INT64_MAX};
    case COMPARE_GREATER_EQUAL:
        return age ? (struct time_range){INT64_MIN, period.min_ns}
                   : (struct time_range){period.min_ns, INT64_MAX};
    case COMPARE_LESS:
        return age ? (struct time_range){period.min_ns, INT64_MAX}
                   : (struct time_range){INT64_MIN, period.min_ns};
    case COMPARE_LESS_EQUAL:
        return age ? (struct time_range){period.min_ns, INT64_MAX}
                   : (struct time_range){INT64_MIN, period.max_ns};
    }
    return TIME_RANGE_ALL;
}

static struct time_range interval_range(const struct time_filter *filter, const struct zone *zone,
                                        int64_t end_ns)
{
    struct time_range low = period_of(&filter->low, zone, end_ns);
    struct time_range high = period_of(&filter->high, zone, end_ns);

    return (struct time_range){filter->low_open ? low.max_ns : low.min_ns,
                               filter->high_open ? high.min_ns : high.max_ns};
}

static int64_t shift(int64_t at, int64_t offset_ns)
{
    return at == INT64_MIN || at == INT64_MAX ? at : saturating_subtract(at, offset_ns);
}

struct time_range time_filter_range(const struct time_filter *filter, const struct zone *zone,
                                    int64_t end_ns)
{
    struct time_range range = {0};

    switch (filter->form) {
    case TIME_WITHIN:
        range = period_of(&filter->low, zone, end_ns);
        if (filter->low.kind == LITERAL_DURATION)
            range.max_ns = end_ns;
        break;
    case TIME_COMPARE:
        range = compare_range(filter, period_of(&filter->low, zone, end_ns));
        break;
    case TIME_RANGE:
        range = interval_range(filter, zone, end_ns);
        break;
    }
    range.min_ns = shift(range.min_ns, filter->offset_ns);
    range.max_ns = shift(range.max_ns, filter->offset_ns);
    return range;
}

enum status time_filter_check(const struct filter *filter, struct time_range range,
                              struct query_problem *problem)
{
    if (filter->time.form != TIME_RANGE || range.min_ns < range.max_ns)
        return STATUS_OK;
    problem_set(problem, "query_type", filter->at, filter->length,
                "the range of time is empty: it ends before it begins");
    problem_hint(problem, "_time:[%.*s, %.*s)", SLICE_ARG(slice_first(filter->time.high.text, 40)),
                 SLICE_ARG(slice_first(filter->time.low.text, 40)));
    return STATUS_INVALID;
}

struct time_range time_range_and(struct time_range a, struct time_range b)
{
    return (struct time_range){a.min_ns > b.min_ns ? a.min_ns : b.min_ns,
                               a.max_ns < b.max_ns ? a.max_ns : b.max_ns};
}
