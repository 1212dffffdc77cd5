/* query/value_check.c -- what a value means for a field of known type, and what to write instead.
 *
 * Only values that can match nothing are refused. A name such as `status` may be a text in somebody's
 * JSON, so texts are fine where texts are compared (status:ok), not where numbers are (status:>ok). */
#include "query/value_check.h"

#include "query/field_types.h"
#include "store/value.h"

#include <math.h>
#include <stdio.h>

enum { SHOWN_SIZE_MAX = 48, IPV4_BITS = 32, IPV6_BITS = 128 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Length of the digits in front. */
static size_t digits_len(struct slice text)
{
    size_t len = 0;

    while (len < text.len && is_digit(text.data[len]))
        len++;
    return len;
}

/* ---- bounds ---- */

static enum status wrong_bound(struct slice field, const struct literal *bound, const char *wanted,
                               const char *hint, struct query_problem *problem)
{
    problem_set(problem, "query_type", bound->at, bound->length,
                "%.*s is compared with %s, not with \"%.*s\"", SLICE_ARG(slice_first(field, 40)),
                wanted, SLICE_ARG(slice_first(bound->text, SHOWN_SIZE_MAX)));
    problem_hint(problem, "%s", hint);
    return STATUS_INVALID;
}

/* Unit-less number of a literal with a wrong unit, behind `unit` of what was meant: 5m -> 5MB. */
static const char *with_unit(const struct literal *bound, const char *unit, const char *otherwise,
                             char out[SHOWN_SIZE_MAX])
{
    struct slice text = bound->text;
    size_t len = digits_len(text);

    if (len == 0 || len > 18)
        return otherwise;
    (void)snprintf(out, SHOWN_SIZE_MAX, "%.*s%s", (int)len, text.data, unit);
    return out;
}

static enum status check_number(struct slice field, const struct literal *bound,
                                enum value_type type, struct query_problem *problem)
{
    char hint[SHOWN_SIZE_MAX];

    switch (type) {
    case VALUE_DURATION:
        if (bound->kind == LITERAL_TEXT || bound->kind == LITERAL_SIZE)
            return wrong_bound(field, bound, "a duration", with_unit(bound, "s", "500ms", hint),
                               problem);
        return field_type_check(field, bound, problem);
    case VALUE_BYTES:
        if (bound->kind == LITERAL_TEXT || bound->kind == LITERAL_DURATION)
            return wrong_bound(field, bound, "a size", with_unit(bound, "MB", "10KB", hint),
                               problem);
        return STATUS_OK;
    default:
        if (bound->kind == LITERAL_TEXT || bound->kind == LITERAL_DURATION)
            return wrong_bound(field, bound, "a number", with_unit(bound, "", "500", hint),
                               problem);
        return STATUS_OK;
    }
}

enum status value_check_bound(struct slice field, struct literal *bound,
                              struct query_problem *problem)
{
    enum value_type type = field_type_of(field);
    uint32_t address;

    switch (type) {
    case VALUE_INT: case VALUE_FLOAT: case VALUE_DURATION: case VALUE_BYTES:
        if (bound->quoted) {
            struct literal plain;

            literal_read(bound->text, &plain);
            plain.at = bound->at;
            plain.length = bound->length;
            if (plain.kind != LITERAL_TEXT)
                *bound = plain;
        }
        return check_number(field, bound, type, problem);
    case VALUE_IPV4:
        if (ipv4_of_text(bound->text, &address))
            return STATUS_OK;
        return wrong_bound(field, bound, "an IPv4 address", "ipv4_range(\"10.0.0.0/8\")", problem);
    default:
        return field_type_check(field, bound, problem);
    }
}

/* ---- order of two bounds ---- */

static int compare_bounds(const struct filter *filter)
{
    bool level = field_type_of(filter->field) == VALUE_LEVEL;
    double low, high;

    if (filter->kind == FILTER_LENGTH || filter->kind == FILTER_IPV4) {
        low = filter->low.number;
        high = filter->high.number;
    } else if (!field_type_number(filter->field, &filter->low, &low) ||
               !field_type_number(filter->field, &filter->high, &high)) {
        return slice_compare(filter->low.text, filter->high.text);
    }
    if (level) /* the more severe level has the smaller number */
        return low < high ? 1 : low > high ? -1 : 0;
    return low > high ? 1 : low < high ? -1 : 0;
}

enum status value_check_order(const struct filter *filter, struct query_problem *problem)
{
    int order = compare_bounds(filter);
    struct slice low = slice_first(filter->low.text, SHOWN_SIZE_MAX);
    struct slice high = slice_first(filter->high.text, SHOWN_SIZE_MAX);
    size_t at = filter->low.at, length = filter->high.at + filter->high.length - at;

    if (order < 0 || (order == 0 && !filter->low_open && !filter->high_open))
        return STATUS_OK;
    if (order == 0) {
        problem_set(problem, "query_type", at, length,
                    "the range is empty: an open end leaves out \"%.*s\"", SLICE_ARG(low));
        problem_hint(problem, "[%.*s, %.*s]", SLICE_ARG(low), SLICE_ARG(high));
        return STATUS_INVALID;
    }
    problem_set(problem, "query_type", at, length,
                "the range is empty: its lower end comes first");
    problem_hint(problem, "%.*s, %.*s", SLICE_ARG(high), SLICE_ARG(low));
    return STATUS_INVALID;
}

/* ---- addresses ---- */

bool value_network(struct slice text, uint32_t *low, uint32_t *high)
{
    struct slice address;
    uint64_t bits;

    if (!slice_cut(&text, '/', &address)) {
        bool ok = ipv4_of_text(text, low);

        *high = *low;
        return ok;
    }
    if (!ipv4_of_text(address, low) || !slice_to_u64(text, &bits) || bits > IPV4_BITS)
        return false;
    *low &= bits == 0 ? 0 : UINT32_MAX << (IPV4_BITS - bits);
    *high = *low | (bits == IPV4_BITS ? 0 : UINT32_MAX >> bits);
    return true;
}

/* Has it only bytes of addresses, and a colon? */
static bool looks_like_ipv6(struct slice text)
{
    bool colon = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (!is_digit(c) && !((c | 0x20) >= 'a' && (c | 0x20) <= 'f') && c != ':' && c != '.')
            return false;
        colon |= c == ':';
    }
    return colon;
}

static bool looks_like_ipv4(struct slice text)
{
    unsigned dots = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.data[i]) && text.data[i] != '.')
            return false;
        dots += text.data[i] == '.';
    }
    return dots == 3;
}

static enum status wrong_address(const struct literal *literal, const char *hint,
                                 struct query_problem *problem, const char *why)
{
    problem_set(problem, "query_type", literal->at, literal->length, "\"%.*s\" is %s",
                SLICE_ARG(slice_first(literal->text, SHOWN_SIZE_MAX)), why);
    problem_hint(problem, "%s", hint);
    return STATUS_INVALID;
}

/* address "/" bits */
static enum status check_network(struct filter *filter, const struct literal *literal,
                                 struct slice address, struct slice bits,
                                 struct query_problem *problem)
{
    bool v6 = looks_like_ipv6(address);
    uint32_t low, high;
    uint64_t count = 0;

    if (value_network(literal->text, &low, &high)) {
        if (filter->match == TEXT_EXACT) /* stats by (client:/24) makes such texts */
            return STATUS_OK;
        filter->kind = FILTER_IPV4;
        filter->low = (struct literal){.kind = LITERAL_NUMBER, .number = low};
        filter->high = (struct literal){.kind = LITERAL_NUMBER, .number = high};
        filter->text = (struct slice){0};
        filter->match = TEXT_PHRASE;
        filter->quoted = false;
        return STATUS_OK;
    }
    if (!slice_to_u64(bits, &count) || count > (v6 ? IPV6_BITS : IPV4_BITS))
        return wrong_address(literal, v6 ? "\"2001:db8:\"*" : "10.0.0.0/8", problem,
                             v6 ? "no network: at most 128 bits stand behind the /"
                                : "no network: at most 32 bits stand behind the /");
    return v6 ? wrong_address(literal, "\"2001:db8:\"*", problem,
                              "a network of IPv6: only a prefix of its text can be asked for")
              : wrong_address(literal, "10.0.0.0/8", problem, "no network");
}

static enum status check_address(struct filter *filter, const struct literal *literal,
                                 struct query_problem *problem)
{
    struct slice bits = literal->text, address;
    uint32_t ignored;

    if (slice_cut(&bits, '/', &address)) {
        if (looks_like_ipv4(address) || looks_like_ipv6(address))
            return check_network(filter, literal, address, bits, problem);
    } else if (looks_like_ipv4(literal->text) && !ipv4_of_text(literal->text, &ignored)) {
        return wrong_address(literal, "10.0.0.1", problem,
                             "no address: its four numbers go up to 255");
    }
    return STATUS_OK;
}

/* ---- patterns of whole numbers that others understand: 5xx, 500-599 ---- */

static enum status check_pattern(const struct literal *literal, struct query_problem *problem)
{
    struct slice text = literal->text;
    size_t digits = digits_len(text), rest = text.len - digits;
    struct slice second = slice_from(text, digits + 1);
    bool wild = rest > 0 && digits > 0 && text.len <= 8;

    for (size_t i = digits; i < text.len && wild; i++)
        wild = text.data[i] == 'x' || text.data[i] == 'X';
    if (wild) {
        problem_set(problem, "query_type", literal->at, literal->length,
                    "\"%.*s\" is no number", SLICE_ARG(text));
        problem_hint(problem, "%.*s*", (int)digits, text.data);
        return STATUS_INVALID;
    }
    if (digits > 0 && digits <= 18 && rest > 1 && rest <= 19 && text.data[digits] == '-' &&
        digits_len(second) == second.len) {
        problem_set(problem, "query_type", literal->at, literal->length,
                    "\"%.*s\" is no number", SLICE_ARG(text));
        problem_hint(problem, "range[%.*s, %.*s]", (int)digits, text.data, SLICE_ARG(second));
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

enum status value_check_whole(struct filter *filter, const struct literal *literal,
                              struct query_problem *problem)
{
    enum value_type type = field_type_of(filter->field);

    if (type == VALUE_IPV4)
        return check_address(filter, literal, problem);
    if (type == VALUE_INT && !literal->quoted && literal->kind == LITERAL_TEXT)
        return check_pattern(literal, problem);
    return field_type_check(filter->field, literal, problem);
}
