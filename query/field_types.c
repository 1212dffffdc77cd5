/* query/field_types.c -- the typed fields that formats agree on (collector/formats/README.md, shared names). */
#include "query/field_types.h"

#include "store/value.h"

#include <math.h>

static const struct {
    const char *name;
    enum value_type type;
} typed_fields[] = {
    {"_time", VALUE_TIME},
    {"level", VALUE_LEVEL},
    {"duration", VALUE_DURATION},
    {"upstream_duration", VALUE_DURATION},
    {"control_duration", VALUE_DURATION},
    {"candidate_duration", VALUE_DURATION},
    {"bytes", VALUE_BYTES},
    {"bytes_in", VALUE_BYTES},
    {"status", VALUE_INT},
    {"pid", VALUE_INT},
    {"client", VALUE_IPV4},
    {"peer", VALUE_IPV4},
    {"value", VALUE_FLOAT},
};

static const struct {
    const char *word;
    enum level level;
} level_words[] = {
    {"emergency", LEVEL_EMERG}, {"panic", LEVEL_EMERG},   {"critical", LEVEL_CRIT},
    {"fatal", LEVEL_CRIT},      {"err", LEVEL_ERROR},     {"warn", LEVEL_WARNING},
    {"information", LEVEL_INFO},
};

enum { WORD_SIZE_MAX = 16 };

enum value_type field_type_of(struct slice field)
{
    for (size_t i = 0; i < COUNT_OF(typed_fields); i++)
        if (slice_is(field, typed_fields[i].name))
            return typed_fields[i].type;
    return VALUE_TEXT;
}

enum level level_of_literal(struct slice word)
{
    for (unsigned level = 0; level < LEVEL_COUNT; level++)
        if (slice_equal_fold(word, slice_of(level_name((enum level)level))))
            return (enum level)level;
    for (size_t i = 0; i < COUNT_OF(level_words); i++)
        if (slice_equal_fold(word, slice_of(level_words[i].word)))
            return level_words[i].level;
    return LEVEL_COUNT;
}

static enum status unknown_level(const struct literal *literal, struct query_problem *problem)
{
    const char *names[LEVEL_COUNT], *near;

    for (unsigned level = 0; level < LEVEL_COUNT; level++)
        names[level] = level_name((enum level)level);
    near = nearest_name(literal->text, names, LEVEL_COUNT);
    problem_set(problem, "query_type", literal->at, literal->length, "unknown level \"%.*s\"",
                SLICE_ARG(literal->text));
    if (near != NULL)
        problem_hint(problem, "%s", near);
    problem_expected(problem, "emerg, alert, crit, error, warning, notice, info, debug, trace");
    return STATUS_INVALID;
}

enum status field_type_check(struct slice field, const struct literal *literal,
                             struct query_problem *problem)
{
    enum value_type type = field_type_of(field);

    if (type == VALUE_LEVEL && level_of_literal(literal->text) == LEVEL_COUNT)
        return unknown_level(literal, problem);
    if (type == VALUE_DURATION && !literal->quoted && literal->kind == LITERAL_NUMBER &&
        literal->number != 0 && !isinf(literal->number)) {
        problem_set(problem, "query_type", literal->at, literal->length,
                    "a duration needs a unit: %.*ss", SLICE_ARG(literal->text));
        problem_hint(problem, "%.*ss", SLICE_ARG(literal->text));
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

bool field_type_number(struct slice field, const struct literal *literal, double *out)
{
    enum value_type type = field_type_of(field);

    if (type == VALUE_LEVEL) {
        enum level level = level_of_literal(literal->text);

        *out = (double)level;
        return level != LEVEL_COUNT;
    }
    if (type == VALUE_IPV4) {
        uint32_t address;

        if (!ipv4_of_text(literal->text, &address))
            return false;
        *out = address;
        return true;
    }
    *out = literal->number;
    return literal->kind != LITERAL_TEXT;
}
