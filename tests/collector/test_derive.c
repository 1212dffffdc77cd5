/* tests/collector/test_derive.c -- the derive rules of docs/configuration.md: built in, from a file, and
 * their mistakes. Expected values are worked out by hand from the table there. */
#include "collector/derive.h"
#include "collector/derive_front.h"
#include "collector/formats/formats.h"
#include "format_case.h"
#include "random_path.h"

#include "base/config.h"

#include <stdio.h>
#include <stdlib.h>

/* Derived fields of a request with this path, referer and user; NULL: not derived. */
static const struct derive_case {
    const char *name, *path, *referer, *user;
    const char *tenant, *url_group, *route, *path_group, *referer_group;
} derive_cases[] = {
    {"receiver", "/a/river-clinic/receiver/630916e49084b142c0a5a69c3a52b9b3/", NULL, NULL,
     "tenant=river-clinic", "url_group=receiver", "~route=mobile", "~path_group=/a/*/receiver/*/",
     NULL},
    {"restore", "/a/lake-ngo/phone/restore/768932dcb27f35c63cdbb830c202c727/", NULL, NULL,
     "tenant=lake-ngo", "url_group=phone/restore", "~route=mobile",
     "~path_group=/a/*/phone/restore/*/", NULL},
    {"odata", "/a/t/api/v0.5/odata/cases/x", NULL, NULL, "tenant=t",
     "url_group=api/v0.5/odata/cases", "~route=api", "~path_group=/a/*/api/v0.5/odata/cases/x",
     NULL},
    {"api", "/a/t/api/v0.5/case/", NULL, NULL, "tenant=t", "url_group=api/v0.5/case", "~route=api",
     "~path_group=/a/*/api/v0.5/case/", NULL},
    {"nothing behind the domain", "/a/domain", NULL, NULL, "tenant=domain", "~url_group=other",
     "~route=hq", "~path_group=/a/*", NULL},
    {"/a/ alone", "/a/", NULL, NULL, NULL, "~url_group=other", "~route=hq", "path_group=/a/", NULL},
    {"/a//x", "/a//x", NULL, NULL, NULL, "~url_group=other", "~route=hq", "path_group=/a//x", NULL},
    {"old name with _ . and :", "/a/old_name.v2:x/apps/", NULL, NULL, "tenant=old_name.v2:x",
     "url_group=apps", "~route=hq", "~path_group=/a/*/apps/", NULL},
    {"encoded and in capitals", "/a/My%20Clinic/apps/", NULL, NULL, "~tenant=my clinic",
     "url_group=apps", "~route=hq", "~path_group=/a/*/apps/", NULL},
    {"formplayer: the tenant is in the referer", "/formplayer/navigate_menu",
     "https://h.org/a/lake-ngo/cloudcare/apps?x=/a/no/", NULL, "tenant=lake-ngo",
     "~url_group=formplayer", "~route=formplayer", "path_group=/formplayer/navigate_menu",
     "referer_group=cloudcare"},
    {"the user's domain", "/home/", NULL, "nurse4@river-clinic.commcarehq.org",
     "tenant=river-clinic", "~url_group=home", "~route=hq", "path_group=/home/", NULL},
    {"multimedia", "/hq/multimedia/file/CommCareAudio/77/x.mp3", NULL, NULL, NULL,
     "~url_group=mm/audio", "~route=hq", "path_group=/hq/multimedia/file/CommCareAudio/77/x.mp3",
     NULL},
    {"other multimedia", "/hq/multimedia/file/x", NULL, NULL, NULL, "~url_group=mm/other",
     "~route=hq", "path_group=/hq/multimedia/file/x", NULL},
    {"login", "/accounts/login/", NULL, NULL, NULL, "~url_group=login", "~route=hq",
     "path_group=/accounts/login/", NULL},
    {"hq", "/hq/admin/x", NULL, NULL, NULL, "~url_group=hq/admin", "~route=hq",
     "path_group=/hq/admin/x", NULL},
    {"static", "/static/js/a.js", NULL, NULL, NULL, "~url_group=static", "~route=hq",
     "path_group=/static/js/a.js", NULL},
    {"favicon anywhere", "/x/favicon.ico", NULL, NULL, NULL, "~url_group=static", "~route=hq",
     "path_group=/x/favicon.ico", NULL},
    {"static inside is not static", "/x/static/", NULL, NULL, NULL, "~url_group=other",
     "~route=hq", "path_group=/x/static/", NULL},
    {"all replacements in order",
     "/a/t/apps/download/01d133d7c6264247bf0155f7c5e1af03/modules-11/forms-6.xml", NULL, NULL,
     "tenant=t", "url_group=apps", "~route=hq",
     "~path_group=/a/*/apps/download/*/modules-*/forms-*.xml", NULL},
    {"form data", "/a/t/form_data/9a-bc/uuid:77-x/", NULL, NULL, "tenant=t",
     "url_group=form_data", "~route=hq", "~path_group=/a/*/form_data/*/uuid:*/", NULL},
    {"root", "/", NULL, NULL, NULL, "~url_group=other", "~route=hq", "path_group=/", NULL},
};

struct fixture {
    struct derive_rules *rules;
    struct url_scratch *scratch;
    struct derive_memory *memory;
    struct arena arena;
    field_id extra[EXTRA_COUNT];
    struct format_settings settings;
    struct parsed_event parsed;
    char event[1024];
};

static void check_field(const struct fixture *f, struct slice event, field_id field,
                        const char *expected)
{
    for (uint32_t i = 0; i < f->parsed.field_count; i++)
        if (f->parsed.fields[i].field == field) {
            assert_non_null(expected);
            assert_string_equal(case_field_text(&f->parsed.fields[i], event), expected);
            return;
        }
    if (expected != NULL)
        fail_msg("missing %s", expected);
}

static void derive_with(struct fixture *f, const struct derive_case *c,
                        struct derive_memory *memory)
{
    struct format_context context = {.settings = &f->settings,
                                     .names = case_names(),
                                     .extra = f->extra,
                                     .arena = &f->arena};
    int len = snprintf(f->event, sizeof(f->event), "%s %s %s", c->path,
                       c->referer != NULL ? c->referer : "", c->user != NULL ? c->user : "");
    struct slice event = slice_make(f->event, (size_t)len);
    size_t path_len = strlen(c->path);
    size_t referer_len = c->referer == NULL ? 0 : strlen(c->referer);

    parsed_reset(&f->parsed);
    f->parsed.derive_from = DERIVE_PATH;
    parsed_span(&f->parsed, FIELD_ID_PATH, FIELD_TEXT, UNIT_NONE, event,
                slice_first(event, path_len));
    parsed_span(&f->parsed, FIELD_ID_REFERER, FIELD_TEXT, UNIT_NONE, event,
                slice_sub(event, path_len + 1, referer_len));
    parsed_span(&f->parsed, FIELD_ID_USER, FIELD_TEXT, UNIT_NONE, event,
                slice_from(event, path_len + referer_len + 2));
    derive_apply(f->rules, f->scratch, memory, &context, event, &f->parsed);
    check_field(f, event, FIELD_ID_TENANT, c->tenant);
    check_field(f, event, FIELD_ID_URL_GROUP, c->url_group);
    check_field(f, event, FIELD_ID_ROUTE, c->route);
    check_field(f, event, FIELD_ID_PATH_GROUP, c->path_group);
    check_field(f, event, FIELD_ID_REFERER_GROUP, c->referer_group);
}

/* Without memory, with a front that is new, and with one that is known. */
static void derive_one(struct fixture *f, const struct derive_case *c)
{
    derive_with(f, c, NULL);
    derive_with(f, c, f->memory);
    derive_with(f, c, f->memory);
}

static void set_up(struct fixture *f, const struct derive_config *config)
{
    struct error err = {0};

    *f = (struct fixture){.arena = arena_empty(1 << 20)};
    extra_fields_resolve(case_names(), f->extra);
    if (derive_rules_new(config, &f->rules, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    f->scratch = url_scratch_new();
    assert_non_null(f->scratch);
    f->memory = derive_memory_new();
    assert_non_null(f->memory);
}

static void tear_down(struct fixture *f)
{
    derive_rules_free(f->rules);
    url_scratch_free(f->scratch);
    derive_memory_free(f->memory);
    arena_release(&f->arena);
}

static void test_built_in(void **unused)
{
    struct fixture f;

    (void)unused;
    set_up(&f, NULL);
    for (size_t i = 0; i < COUNT_OF(derive_cases); i++) {
        print_message("  %s\n", derive_cases[i].name);
        derive_one(&f, &derive_cases[i]);
    }
    tear_down(&f);
}

/* The built-in rules must not need the slow engine. */
static void test_built_in_rules_are_simple(void **unused)
{
    static const char *const patterns[] = {
        "/a/([\\w.:%-]+)(?:/|$)", "@([\\w.:-]+)\\.commcarehq\\.org$", "^/static/|favicon\\.ico",
        "/hq/multimedia/file/CommCare(Audio|Video|Image)", "^/a/[^/]+/(api/[^/]+/odata/[^/]+)",
        "/(modules|forms)-[0-9]+", "[-0-9a-f]{10,}",
    };
    static const bool is_pcre[] = {false, true, false, false, false, false, false};

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        struct url_pattern *pattern;
        struct error err = {0};

        print_message("  %s\n", patterns[i]);
        assert_int_equal(url_pattern_new(slice_of(patterns[i]), &pattern, &err), STATUS_OK);
        /* the user's class holds the point that follows it: only PCRE2 may go back */
        assert_int_equal(url_pattern_is_pcre(pattern), is_pcre[i]);
        url_pattern_free(pattern);
    }
}

static const struct derive_case configured_cases[] = {
    {"first match wins, then the catch-all", "/shop/77/x", NULL, NULL, NULL, "~url_group=shop-77",
     "~route=hq", "~path_group=/shop/R/x", NULL},
    {"lower", "/UP/ABC", NULL, NULL, NULL, "~url_group=abc", "~route=hq", "path_group=/UP/ABC",
     NULL},
    {"tenant is switched off", "/a/t/x", "http://h/a/t/", NULL, NULL, "~url_group=rest",
     "~route=hq", "path_group=/a/t/x", NULL},
    /* what a later rule looks for is there only after an earlier one: across either end of what
     * that put in, between two of them, where it took something out */
    {"a replacement in front", "/z1/", NULL, NULL, NULL, "~url_group=rest", "~route=hq",
     "~path_group=/Q/", NULL},
    {"a replacement behind", "/1w/", NULL, NULL, NULL, "~url_group=rest", "~route=hq",
     "~path_group=/Q/", NULL},
    {"two next to each other", "/11/", NULL, NULL, NULL, "~url_group=rest", "~route=hq",
     "~path_group=/R/", NULL},
    {"taken out", "/v~w/", NULL, NULL, NULL, "~url_group=rest", "~route=hq", "~path_group=/Q/",
     NULL},
    {"taken out at the end", "/v~", NULL, NULL, NULL, "~url_group=rest", "~route=hq",
     "~path_group=/v", NULL},
};

static const char config_text[] = "tenant: [{set: ''}]\n"
                                  "url_group:\n"
                                  "  - {re: '^/shop/(\\d+)', set: 'shop-$1'}\n"
                                  "  - {re: '^/UP/(.*)', set: '$1', lower: true}\n"
                                  "  - {set: rest}\n"
                                  "path_group:\n"
                                  "  - {replace: '\\d', by: '#'}\n"
                                  "  - {replace: '~', by: ''}\n"
                                  "  - {replace: 'z#', by: 'Q'}\n"
                                  "  - {replace: '#w', by: 'Q'}\n"
                                  "  - {replace: 'vw', by: 'Q'}\n"
                                  "  - {replace: '##', by: 'R'}\n"
                                  "referer_group: {same_as: none}\n";

static void test_configured(void **unused)
{
    struct arena arena = arena_empty(1 << 20);
    struct derive_config config;
    struct error err = {0};
    struct fixture f;

    (void)unused;
    assert_int_equal(option_presets(&derive_option_table, &config, &arena, &err), STATUS_OK);
    if (config_parse(slice_of(config_text), "c.yaml", &derive_option_table, &config, &arena,
                     &err) != STATUS_OK)
        fail_msg("%s", err.message);
    set_up(&f, &config);
    for (size_t i = 0; i < COUNT_OF(configured_cases); i++) {
        print_message("  %s\n", configured_cases[i].name);
        derive_one(&f, &configured_cases[i]);
    }
    tear_down(&f);
    arena_release(&arena);
}

static const struct mistake_case {
    const char *name, *yaml, *message;
} mistake_cases[] = {
    {"pattern that does not compile", "url_group:\n  - {re: 'a(b', set: x}\n",
     "line 2: derive: url_group: rule 1: re: byte 3: "},
    {"group that the pattern does not have", "tenant:\n  - {re: 'a', set: '$1'}\n",
     "line 2: derive: tenant: rule 1: set: $1, but the pattern has 0 groups"},
    {"unknown key", "tenant:\n  - {reg: 'a', set: x}\n", "reg"},
    {"unknown field", "tenants: []\n", "tenant"},
    {"unknown source", "tenant:\n  - {from: paht, re: a, set: x}\n", "path"},
    {"rule without a value", "url_group:\n  - {re: a}\n", "set"},
    {"same_as something else", "referer_group: {same_as: route}\n",
     "same_as: expected url_group or none"},
};

static void test_mistakes(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(mistake_cases); i++) {
        struct arena arena = arena_empty(1 << 20);
        struct derive_rules *rules = NULL;
        struct derive_config config;
        struct error err = {0};
        enum status status;

        print_message("  %s\n", mistake_cases[i].name);
        assert_int_equal(option_presets(&derive_option_table, &config, &arena, &err), STATUS_OK);
        status = config_parse(slice_of(mistake_cases[i].yaml), "c.yaml", &derive_option_table,
                              &config, &arena, &err);
        if (status == STATUS_OK)
            status = derive_rules_new(&config, &rules, &err);
        assert_int_equal(status, STATUS_INVALID);
        if (strstr(err.message, mistake_cases[i].message) == NULL)
            fail_msg("%s", err.message);
        arena_release(&arena);
    }
}

/* What rules look at; texts that an event does not have are empty. */
struct derived_from {
    struct slice path, referer, user, caller;
};

/* What rules make of them, field by field. The path is the event, the others stand beside it. */
static void derive_texts(struct fixture *f, struct derive_memory *memory,
                         const struct derived_from *from, struct parsed_event *out)
{
    struct slice path = from->path;
    struct format_context context = {.settings = &f->settings,
                                     .names = case_names(),
                                     .extra = f->extra,
                                     .arena = &f->arena};

    parsed_reset(out);
    out->derive_from = from->caller.len > 0 ? DERIVE_CALLER : DERIVE_PATH;
    parsed_span(out, FIELD_ID_PATH, FIELD_TEXT, UNIT_NONE, path, path);
    parsed_span(out, FIELD_ID_REFERER, FIELD_TEXT, UNIT_NONE, path, from->referer);
    parsed_span(out, FIELD_ID_USER, FIELD_TEXT, UNIT_NONE, path, from->user);
    parsed_span(out, f->extra[EXTRA_CALLER], FIELD_TEXT, UNIT_NONE, path, from->caller);
    derive_apply(f->rules, f->scratch, memory, &context, path, out);
}

static void assert_same_fields(const struct parsed_event *with, const struct parsed_event *without,
                               struct slice path)
{
    for (uint32_t i = 0; i < with->field_count && i < without->field_count; i++) {
        const struct event_field *a = &with->fields[i], *b = &without->fields[i];

        if (a->field != b->field || a->start != b->start || a->len != b->len ||
            !slice_equal(a->text, b->text))
            fail_msg("%.*s: field %u", SLICE_ARG(path), a->field);
    }
    if (with->field_count != without->field_count)
        fail_msg("%.*s: %u fields", SLICE_ARG(path), with->field_count);
}

static void compare_random_paths(struct fixture *f)
{
    static const char *const fronts[] = {"", "/a/river/", "/a/Hill%20/phone/", "/api/1/modules-"};
    static struct parsed_event with, without;
    uint64_t state = 7;
    char text[200], before[200]; /* the path before is the referer */
    size_t before_len = 0;

    for (unsigned i = 0; i < 30000; i++) {
        size_t front = strlen(fronts[i % COUNT_OF(fronts)]);
        struct derived_from from = {.path = {text, front}, .referer = {before, before_len}};

        memcpy(text, fronts[i % COUNT_OF(fronts)], front);
        from.path.len += random_path(&state, text + front, sizeof(text) - front);
        derive_texts(f, NULL, &from, &without);
        derive_texts(f, f->memory, &from, &with);
        assert_same_fields(&with, &without, from.path);
        arena_reset(&f->arena);
        memcpy(before, text, from.path.len);
        before_len = from.path.len;
    }
    assert_true(f->memory->hits > 1000 && f->memory->misses > 1000);
}

/* Fronts that are known change nothing, with the built-in rules and with others behind them: the
 * memory belongs to one set of rules at a time. */
static void test_memory_is_invisible(void **unused)
{
    static struct derive_rule_config tenants[] = {
        {.from = DERIVE_FROM_REFERER, .re = "^/a/([^/]+)/p", .set = "$1"},
        {.from = DERIVE_FROM_PATH, .re = "/(?:a|hq)/([^/]+)", .set = "$1"},
        {.from = DERIVE_FROM_REFERER, .re = "^/api/", .set = "api"},
    };
    static struct derive_rule_config groups[] = {
        {.re = "/a/([^/]+)/p", .set = "$1"},
        {.re = "/(?:phone|api)/([a-z]+)", .set = "$1"},
        {.re = "^/a/([^/]*)", .set = "$1", .lower = true},
        {.re = "a.*b", .set = "pcre"},
    };
    static struct derive_rule_config replacements[] = {
        {.replace = "/a/", .by = "/phone/"},
        {.replace = "phone/a?", .by = "$0-"},
        {.replace = "^/[a-z]+", .by = ""},
    };
    static struct derive_rule_config segments[] = {
        {.replace = "^/a/[^/]+", .by = "/hq/x"},
        {.replace = "/[a-f]+", .by = "0123456789"},
        {.replace = "[0-9]{4,}", .by = "/*"},
        {.replace = "/(api|phone)", .by = "/$1/$1"},
        {.replace = "[a-z]{4,}", .by = "abc"},
    };
    struct derive_config configs[] = {
        {.url_group = {.items = groups, .count = COUNT_OF(groups)},
         .path_group = {.items = replacements, .count = COUNT_OF(replacements)}},
        {.tenant = {.items = tenants, .count = COUNT_OF(tenants)},
         .path_group = {.items = segments, .count = COUNT_OF(segments)}},
    };
    struct derive_memory *memory = derive_memory_new();
    struct fixture f;

    (void)unused;
    for (size_t i = 0; i <= COUNT_OF(configs); i++) {
        set_up(&f, i == 0 ? NULL : &configs[i - 1]);
        derive_memory_free(f.memory);
        f.memory = memory;
        compare_random_paths(&f);
        f.memory = NULL;
        tear_down(&f);
    }
    derive_memory_free(memory);
}

/* ---- shapes of paths ---- */

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return *state >> 33;
}

/* A segment: of `words`, in which '#' stands for an id and '@' for a name, both made up. */
static size_t random_segment(uint64_t *state, const char *word, char out[48])
{
    static const char digits[] = "0123456789abcdef-", letters[] = "abcdefgmopxz019._:-";
    bool id = strcmp(word, "#") == 0;
    size_t len = id ? 10 + next_random(state) % 23 : 1 + next_random(state) % 12;

    if (!id && strcmp(word, "@") != 0) {
        memcpy(out, word, strlen(word));
        return strlen(word);
    }
    for (size_t i = 0; i < len; i++)
        out[i] = id ? digits[next_random(state) % (sizeof(digits) - 1)]
                    : letters[next_random(state) % (sizeof(letters) - 1)];
    return len;
}

/* Names and ids differ, the rest does not: and some names and ids are what a rule looks for. */
static size_t random_shaped(uint64_t *state, char *out)
{
    static const char *const heads[] = {"/a/", "/a/", "/a/", "/hq/", "/api/", "/", "/accounts/"};
    static const char *const names[] = {"@", "@", "@", "@", "hq", "phone", "favicon.ico", "Hill",
                                        "uuid:1", "modules-1", "0123456789ab", "a", "", "hill%20",
                                        "a-name-that-is-longer-than-others-are"};
    static const char *const segments[] = {"#", "#", "#", "phone", "api", "receiver", "modules-2",
                                           "form_data", "apps", "a", "0123456789a", "12345",
                                           "multimedia", "file", "odata", "uuid:0123", "%x", "",
                                           "receiver/$$p", "receiver/01p"};
    const char *head = heads[next_random(state) % COUNT_OF(heads)];
    size_t len = strlen(head), count = next_random(state) % 4;

    memcpy(out, head, len);
    len += random_segment(state, names[next_random(state) % COUNT_OF(names)], out + len);
    for (size_t i = 0; i < count; i++) {
        out[len++] = '/';
        len += random_segment(state, segments[next_random(state) % COUNT_OF(segments)], out + len);
    }
    if (next_random(state) % 2 == 0)
        out[len++] = '/';
    for (size_t i = 0; i < len; i++)
        if (out[i] == '$') /* a zero, which stands for an id in keys of shapes */
            out[i] = '\0';
    return len;
}

/* Is every path derived in the same way with the memory as without? Half of the events have nothing
 * else that rules look at; others a referer, a user, a page that called or one with a user. */
static void compare_shaped_paths(struct fixture *f)
{
    static struct parsed_event with, without;
    uint64_t state = 11;
    char text[300], other[300];

    for (unsigned i = 0; i < 100000; i++) {
        struct derived_from from = {.path = {text, random_shaped(&state, text)}};
        struct slice another = {other, random_shaped(&state, other)};
        uint64_t has = next_random(&state) % 8;

        if (has == 0)
            from.referer = another;
        if (has == 1 || has == 2)
            from.caller = another;
        if (has == 2 || has == 3)
            from.user = SLICE_LITERAL("worker7@river.commcarehq.org");
        derive_texts(f, NULL, &from, &without);
        derive_texts(f, f->memory, &from, &with);
        assert_same_fields(&with, &without, from.path);
        arena_reset(&f->arena);
    }
}

/* Rules that look at what is in names and ids, and rules that change what they stand between. */
static void test_shapes_are_invisible(void **unused)
{
    static struct derive_rule_config names[] = {
        {.from = DERIVE_FROM_PATH, .re = "/([a-m]+)/phone", .set = "$1"},
        {.from = DERIVE_FROM_PATH, .re = "([a-z]+)/(?:api|apps)", .set = "$1"},
        {.from = DERIVE_FROM_PATH, .re = "o([a-z0-9]*)/", .set = "$1"},
        {.from = DERIVE_FROM_PATH, .re = "/a/([^/]*)", .set = "$1"},
    };
    static struct derive_rule_config ids[] = {
        {.re = "^/a/[^/]+/phone/([0-9]+)", .set = "$1"},
        {.re = "/([0-9a-f-]+)/phone", .set = "$1", .lower = true},
        {.re = "abc", .set = "abc"},
        {.re = "/[0-9a-f-]{5}$", .set = "long"},
        {.re = "^/hq/([^/])", .set = "$1"},
        {.re = "/(api|phone|$)", .set = "$1"},
    };
    static struct derive_rule_config replacements[] = {
        {.replace = "/a", .by = "/"},
        {.replace = "/phone/", .by = "f"},
        {.replace = "f[0-9a-f-]{3,}", .by = "*"},
        {.replace = "/[0-9a-f-]+", .by = "#"},
        {.replace = "/(uuid:|apps/)", .by = "$1"},
    };
    static struct derive_rule_config joined[] = {
        {.replace = "/apps|/api", .by = ""},
        {.replace = "[a-z0-9-]+", .by = "w"},
        {.replace = "w/?", .by = "$0."},
    };
    static struct derive_rule_config around[] = {
        {.re = "/hq/phone", .set = "hq"},
        {.re = "/phone/", .set = "phone"},
    };
    static struct derive_rule_config left[] = {
        {.replace = "a/", .by = "+"},
        {.replace = "/%", .by = "/"},
        {.replace = "[0-9a-f-]{10,}", .by = "*"},
    };
    struct derive_config configs[] = {
        {.url_group = {.items = around, .count = COUNT_OF(around)},
         .path_group = {.items = left, .count = COUNT_OF(left)}},
        {.path_group = {.items = left + 1, .count = 1}},
        {.tenant = {.items = names, .count = COUNT_OF(names)},
         .url_group = {.items = ids, .count = COUNT_OF(ids)},
         .path_group = {.items = replacements, .count = COUNT_OF(replacements)}},
        {.url_group = {.items = ids + 1, .count = 3},
         .route = {.items = names, .count = COUNT_OF(names)},
         .path_group = {.items = replacements + 2, .count = 2}},
        {.path_group = {.items = joined, .count = COUNT_OF(joined)}},
        {.path_group = {.items = joined + 1, .count = 1}},
    };

    (void)unused;
    for (size_t i = 0; i <= COUNT_OF(configs); i++) {
        struct fixture f;

        set_up(&f, i == 0 ? NULL : &configs[i - 1]);
        compare_shaped_paths(&f);
        assert_true(f.memory->shape_hits > 10000);
        tear_down(&f);
    }
}

/* The group of the tenth event with a path "/page<number>/<id>": the shape is known since the eighth. */
static struct slice tenth_group(struct fixture *f, unsigned number)
{
    static struct parsed_event parsed;
    char text[64];
    struct slice path = {text, 0}, group = {NULL, 0};

    for (unsigned i = 0; i < 10; i++) {
        path.len = (size_t)snprintf(text, sizeof(text), "/page%u/0123456789ab%u", number, i);
        derive_texts(f, f->memory, &(struct derived_from){.path = path}, &parsed);
        assert_true(parsed_find(&parsed, FIELD_ID_PATH_GROUP, path, &group));
    }
    return group;
}

static void assert_group_of(struct slice group, unsigned number)
{
    char expected[64];

    (void)snprintf(expected, sizeof(expected), "/page%u/*", number);
    assert_true(slice_is(group, expected));
}

/* What shapes tell stays when others have taken their places and when rules are others, and is one
 * text for all events. Of more groups than are kept, some are what rules make of them each time. */
static void test_groups_stay(void **unused)
{
    enum { STAY = SHAPES_COUNT * 2, ALL = SHAPE_GROUPS + SHAPE_GROUPS / 4 };
    static struct slice groups[STAY];
    struct fixture f;

    (void)unused;
    set_up(&f, NULL);
    for (unsigned i = 0; i < STAY; i++)
        groups[i] = tenth_group(&f, i);
    arena_reset(&f.arena);
    derive_memory_use(f.memory, UINT64_MAX); /* other rules, */
    for (unsigned i = 0; i < STAY; i++) {    /* and these again */
        assert_group_of(groups[i], i);
        assert_ptr_equal(tenth_group(&f, i).data, groups[i].data);
    }
    for (unsigned i = STAY; i < ALL; i++) {
        assert_group_of(tenth_group(&f, i), i);
        arena_reset(&f.arena);
    }
    assert_int_equal(f.memory->shapes.groups.count, SHAPE_GROUPS);
    for (unsigned i = 0; i < STAY; i++)
        assert_group_of(groups[i], i);
    tear_down(&f);
}

/* All matches of a rule by PCRE2; `by` has at most one group, at its front or behind a slash. */
static size_t replace_by_pcre(const struct derive_rule_config *rule, struct url_scratch *scratch,
                              char *text, size_t len, size_t size)
{
    struct url_pattern *pattern = NULL;
    struct url_match match;
    struct error err = {0};
    char out[2000];
    size_t at = 0, out_len = 0;

    assert_int_equal(url_pattern_new_pcre(slice_of(rule->replace), &pattern, &err), STATUS_OK);
    while (url_pattern_find(pattern, scratch, slice_make(text, len), at, &match)) {
        size_t start = (size_t)(match.groups[0].data - text);

        assert_true(match.groups[0].len > 0 && out_len + len < sizeof(out) / 2);
        memcpy(out + out_len, text + at, start - at);
        out_len += start - at;
        for (const char *by = rule->by; *by != '\0'; by++) {
            struct slice part = {by, 1};

            if (*by == '$')
                part = match.groups[*++by - '0'];
            memcpy(out + out_len, part.data, part.len);
            out_len += part.len;
        }
        at = start + match.groups[0].len;
    }
    memcpy(out + out_len, text + at, len - at);
    out_len += len - at;
    assert_true(out_len <= size);
    memcpy(text, out, out_len);
    url_pattern_free(pattern);
    return out_len;
}

/* Paths without ids are what PCRE2 makes of them, rule after rule. */
static void test_replacements_as_pcre(void **unused)
{
    static struct derive_rule_config rules[] = {
        {.replace = "/a/[^/]+", .by = "/a/*"},
        {.replace = "/(phone|api)", .by = "/$1-"},
        {.replace = "[0-9]{4,}", .by = "ab"},
        {.replace = "/[a-f]+", .by = "/$0"},
        {.replace = "[-0-9a-f]{10,}", .by = "*"},
    };
    struct derive_config config = {.path_group = {.items = rules, .count = COUNT_OF(rules)}};
    static const char *const fronts[] = {"", "/a/river/", "/a/hill/phone/", "/hq/abc/receiver/"};
    static struct parsed_event parsed;
    struct fixture f;
    uint64_t state = 3;
    char text[200], expected[2000];

    (void)unused;
    set_up(&f, &config);
    for (unsigned i = 0; i < 3000; i++) {
        size_t front = strlen(fronts[i % COUNT_OF(fronts)]);
        struct slice path = {text, front}, group;
        size_t len;

        memcpy(text, fronts[i % COUNT_OF(fronts)], front);
        path.len += random_path(&state, text + front, sizeof(text) - front);
        memcpy(expected, text, len = path.len);
        for (size_t j = 0; j < COUNT_OF(rules); j++)
            len = replace_by_pcre(&rules[j], f.scratch, expected, len, sizeof(expected));
        derive_texts(&f, f.memory, &(struct derived_from){.path = path}, &parsed);
        if (path.len < 2)
            continue; /* "-" and nothing are no path */
        assert_true(parsed_find(&parsed, FIELD_ID_PATH_GROUP, path, &group));
        if (!slice_equal(group, slice_make(expected, len)))
            fail_msg("%.*s: %.*s, expected %.*s", SLICE_ARG(path), SLICE_ARG(group), (int)len,
                     expected);
        arena_reset(&f.arena);
    }
    tear_down(&f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_built_in),   cmocka_unit_test(test_built_in_rules_are_simple),
        cmocka_unit_test(test_configured), cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_memory_is_invisible), cmocka_unit_test(test_shapes_are_invisible),
        cmocka_unit_test(test_groups_stay), cmocka_unit_test(test_replacements_as_pcre),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
