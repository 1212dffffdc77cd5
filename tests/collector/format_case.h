/* tests/collector/format_case.h -- one event, and what its format must find in it. */
#ifndef DENDRO_TESTS_FORMAT_CASE_H
#define DENDRO_TESTS_FORMAT_CASE_H

#include "collector/derive.h"
#include "collector/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { CASE_FIELDS_MAX = 24 };

/* `fields` are all fields, in any order, as "name=value" with what the type adds: a duration has its
 * unit behind it ("12 ms"; "1.2s own" if the text has it), a size " B". A leading ~ says that the text
 * is computed, not a span of the event. */
struct format_case {
    const char *name, *event;
    const char *time; /* RFC 3339, as stamp_print() with 6 digits; NULL: none */
    enum level level;
    const char *fields[CASE_FIELDS_MAX];
    bool detected_as_other; /* detection alone would not choose this format */
    bool refused;           /* parse must answer INVALID; only name and event count */
    struct format_settings settings;
};

/* Names for formats: the well-known ones, then others as they come. */
const struct field_names *case_names(void);
struct slice case_field_name(field_id field);

/* Parse and compare each case; with `rules` also derive. */
void check_cases(const struct format *format, const struct format_case *cases, size_t count,
                 const struct derive_rules *rules);
#define CHECK_CASES(format, cases) check_cases((format), (cases), COUNT_OF(cases), NULL)

/* "name=value" of a field, as above; static buffer. */
const char *case_field_text(const struct event_field *field, struct slice event);

#endif
