/* query/regex.c -- PCRE2 with limits. Match data and the stack of the JIT code belong to a thread,
 * not to a regex: a query with a hundred patterns needs one of each per worker. */
#include "query/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include "query/limits.h"

#include <pcre2.h>
#include <pthread.h>
#include <stdlib.h>

enum { REGEX_GROUPS_MAX = 64, REGEX_PARENS_MAX = 200, JIT_STACK_START = 32 << 10 };

struct regex {
    pcre2_code *code;
    atomic_ullong over_limit;
    uint32_t group_count;
    struct slice *group_names; /* group_count + 1, inside the code */
    struct regex_query query;
    atomic_bool late;          /* query.is_late() said so */
};

/* What a thread needs to match. */
struct scratch {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void scratch_free(void *user)
{
    struct scratch *scratch = user;

    pcre2_match_data_free(scratch->data);
    pcre2_match_context_free(scratch->context);
    pcre2_jit_stack_free(scratch->stack);
    free(scratch);
}

static void make_scratch_key(void)
{
    if (pthread_key_create(&scratch_key, scratch_free) != 0)
        abort(); /* at most once per process, before any query runs */
}

static struct scratch *scratch_get(void)
{
    struct scratch *scratch;

    pthread_once(&scratch_once, make_scratch_key);
    scratch = pthread_getspecific(scratch_key);
    if (scratch != NULL)
        return scratch;
    scratch = calloc(1, sizeof(*scratch));
    if (scratch == NULL)
        return NULL;
    scratch->data = pcre2_match_data_create(REGEX_GROUPS_MAX + 1, NULL);
    scratch->context = pcre2_match_context_create(NULL);
    scratch->stack = pcre2_jit_stack_create(JIT_STACK_START, REGEX_JIT_STACK_MAX, NULL);
    if (scratch->data == NULL || scratch->context == NULL ||
        pthread_setspecific(scratch_key, scratch) != 0) {
        scratch_free(scratch);
        return NULL;
    }
    pcre2_set_match_limit(scratch->context, REGEX_MATCH_LIMIT);
    pcre2_set_depth_limit(scratch->context, REGEX_DEPTH_LIMIT);
    pcre2_set_heap_limit(scratch->context, REGEX_HEAP_LIMIT_KIB);
    if (scratch->stack != NULL)
        pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
    return scratch;
}

static uint32_t compile_options(unsigned flags)
{
    uint32_t options = PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C;

    if (flags & REGEX_FOLD_CASE)
        options |= PCRE2_CASELESS;
    if (flags & REGEX_ANCHORED)
        options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    if (flags & REGEX_LITERAL)
        options |= PCRE2_LITERAL;
    /* The literal mode knows few other options. */
    return flags & REGEX_LITERAL ? options & ~(uint32_t)(PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C)
                                 : options;
}

static enum status compile(struct slice pattern, unsigned flags, struct regex *regex,
                           size_t *error_at, struct error *err)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    PCRE2_UCHAR text[120];
    int code = 0;

    if (context == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a regex");
    pcre2_set_parens_nest_limit(context, REGEX_PARENS_MAX);
    if (flags & REGEX_WORD)
        pcre2_set_compile_extra_options(context, PCRE2_EXTRA_MATCH_WORD);
    regex->code = pcre2_compile((PCRE2_SPTR)(pattern.len ? pattern.data : ""), pattern.len,
                                compile_options(flags), &code, error_at, context);
    pcre2_compile_context_free(context);
    if (regex->code != NULL)
        return STATUS_OK;
    pcre2_get_error_message(code, text, sizeof(text));
    return error_set(err, STATUS_INVALID, "regex: %s", (const char *)text);
}

/* The table of names is sorted by name: two bytes of group number, the name, NUL. */
static enum status read_names(struct regex *regex, struct error *err)
{
    uint32_t count = 0, entry_size = 0;
    PCRE2_SPTR table = NULL;

    pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &regex->group_count);
    pcre2_pattern_info(regex->code, PCRE2_INFO_NAMECOUNT, &count);
    pcre2_pattern_info(regex->code, PCRE2_INFO_NAMEENTRYSIZE, &entry_size);
    pcre2_pattern_info(regex->code, PCRE2_INFO_NAMETABLE, &table);
    regex->group_names = calloc(regex->group_count + 1, sizeof(*regex->group_names));
    if (regex->group_names == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a regex");
    for (uint32_t i = 0; i < count; i++) {
        PCRE2_SPTR entry = table + (size_t)i * entry_size;
        unsigned group = (unsigned)entry[0] << 8 | entry[1];

        if (group <= regex->group_count)
            regex->group_names[group] = slice_of((const char *)entry + 2);
    }
    return STATUS_OK;
}

enum status regex_new(struct slice pattern, unsigned flags, struct regex **out, size_t *error_at,
                      struct error *err)
{
    struct regex *regex;
    size_t ignored;
    enum status status;

    *(error_at != NULL ? error_at : &ignored) = 0;
    if (pattern.len > REGEX_PATTERN_SIZE_MAX)
        return error_set(err, STATUS_TOO_LARGE, "a regex is longer than %u bytes",
                         REGEX_PATTERN_SIZE_MAX);
    regex = calloc(1, sizeof(*regex));
    if (regex == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a regex");
    atomic_init(&regex->over_limit, 0);
    atomic_init(&regex->late, false);
    status = compile(pattern, flags, regex, error_at != NULL ? error_at : &ignored, err);
    if (status == STATUS_OK)
        status = read_names(regex, err);
    if (status == STATUS_OK && regex->group_count > REGEX_GROUPS_MAX)
        status = error_set(err, STATUS_TOO_LARGE, "a regex has more than %d groups",
                           REGEX_GROUPS_MAX);
    if (status != STATUS_OK) {
        regex_free(regex);
        return status;
    }
    /* Without JIT (no executable memory, say) PCRE2 interprets: slower, same answers. */
    (void)pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE);
    *out = regex;
    return STATUS_OK;
}

void regex_free(struct regex *regex)
{
    if (regex == NULL)
        return;
    pcre2_code_free(regex->code);
    free(regex->group_names);
    free(regex);
}

void regex_belongs_to(struct regex *regex, const struct regex_query *query)
{
    regex->query = *query;
}

static bool is_over(const struct regex *regex)
{
    enum { CALLS_PER_CLOCK = 16 }; /* a look at the clock costs a tenth of a match */
    static _Thread_local unsigned calls;
    const struct regex_query *query = &regex->query;
    atomic_bool *late = (atomic_bool *)&regex->late;

    if (atomic_load_explicit(late, memory_order_relaxed) ||
        (query->cancel != NULL && atomic_load_explicit(query->cancel, memory_order_relaxed)))
        return true;
    if (query->is_late == NULL || ++calls % CALLS_PER_CLOCK != 0 || !query->is_late(query->user))
        return false;
    atomic_store_explicit(late, true, memory_order_relaxed);
    return true;
}

/* Number of groups that are set in the thread's match data, 0: no match. */
static int match_at(const struct regex *regex, struct slice text, size_t from,
                    struct scratch **scratch)
{
    int found;

    *scratch = scratch_get();
    if (*scratch == NULL || is_over(regex))
        return 0;
    found = pcre2_match(regex->code, (PCRE2_SPTR)(text.len ? text.data : ""), text.len, from, 0,
                        (*scratch)->data, (*scratch)->context);
    if (found > 0)
        return found;
    if (found != PCRE2_ERROR_NOMATCH) {
        atomic_fetch_add((atomic_ullong *)&regex->over_limit, 1);
        if (regex->query.over_limit != NULL)
            atomic_fetch_add(regex->query.over_limit, 1);
    }
    return 0;
}

bool regex_match(const struct regex *regex, struct slice text)
{
    struct scratch *scratch;

    return match_at(regex, text, 0, &scratch) > 0;
}

bool regex_find(const struct regex *regex, struct slice text, size_t from,
                struct regex_span *spans, uint32_t span_count)
{
    struct scratch *scratch;
    int found = from <= text.len ? match_at(regex, text, from, &scratch) : 0;
    const size_t *offsets;

    if (found <= 0)
        return false;
    offsets = pcre2_get_ovector_pointer(scratch->data);
    for (uint32_t i = 0; i < span_count; i++) {
        spans[i] = (struct regex_span){1, 0};
        if (i < (uint32_t)found && offsets[(size_t)2 * i] != PCRE2_UNSET)
            spans[i] = (struct regex_span){offsets[(size_t)2 * i], offsets[(size_t)2 * i + 1]};
    }
    return true;
}

uint32_t regex_group_count(const struct regex *regex)
{
    return regex->group_count;
}

struct slice regex_group_name(const struct regex *regex, uint32_t group)
{
    return group <= regex->group_count ? regex->group_names[group] : (struct slice){0};
}

uint64_t regex_over_limit(const struct regex *regex)
{
    return atomic_load((atomic_ullong *)&regex->over_limit);
}
