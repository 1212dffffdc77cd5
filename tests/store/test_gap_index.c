/* tests/store/test_gap_index.c -- gaps of hand-made templates, and needles laid over them. In a template
 * "{i}" is a number, "{t}" a token, "{f}" any text, "{s}" a stamp. */
#include "store/gap_index.h"

#include "store/kernels/kernels.h"
#include "tests/support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { FAMILIES_MAX = 8, TEMPLATES_MAX = 16, SLOTS_MAX = 8, LITERALS_SIZE = 200 };

/* A directory with nothing but what an index is made of. */
struct made {
    struct segment segment;
    struct segment_family families[FAMILIES_MAX];
    struct segment_column columns[FAMILIES_MAX][SLOTS_MAX];
    struct segment_template templates[TEMPLATES_MAX];
    uint32_t gap_ends[TEMPLATES_MAX][SLOTS_MAX + 1];
    char literals[TEMPLATES_MAX][LITERALS_SIZE];
};

static void made_init(struct made *made)
{
    memset(made, 0, sizeof(*made));
    made->segment.families = made->families;
    made->segment.templates = made->templates;
    atomic_init(&made->segment.gap_index, NULL);
}

static void made_release(struct made *made)
{
    gap_index_free(atomic_load(&made->segment.gap_index));
}

static struct segment_column column_of(char letter)
{
    switch (letter) {
    case 'i': return (struct segment_column){.kind = {SLOT_INT, 0}, .class = CLASS_NUMBERS};
    case 's': return (struct segment_column){.kind = {SLOT_STAMP, 0}, .class = CLASS_NUMBERS};
    case 'f': return (struct segment_column){.kind = {SLOT_TEXT, TEXT_FREE}, .class = CLASS_TEXTS};
    default: return (struct segment_column){.kind = {SLOT_TEXT, TEXT_TOKEN}, .class = CLASS_CODES};
    }
}

/* A template with the slots that `family` has, or will have if this is its first. */
static void add_template(struct made *made, uint32_t family, const char *text)
{
    uint32_t number = made->segment.template_count++, len = 0;
    uint16_t slot = 0;

    assert_true(number < TEMPLATES_MAX && family < FAMILIES_MAX);
    for (; *text != '\0'; text++) {
        if (*text != '{') {
            assert_true(len < LITERALS_SIZE);
            made->literals[number][len++] = *text;
            continue;
        }
        assert_true(slot < SLOTS_MAX);
        made->gap_ends[number][slot] = len;
        made->columns[family][slot++] = column_of(text[1]);
        text += 2;
    }
    made->gap_ends[number][slot] = len;
    made->templates[number] = (struct segment_template){.literals = made->literals[number],
                                                        .gap_ends = made->gap_ends[number]};
    if (family == made->segment.family_count) {
        made->families[family] = (struct segment_family){
            .columns = made->columns[family], .first_template = number};
        made->segment.family_count++;
    }
    made->families[family].slot_count = slot;
    made->families[family].template_count++;
}

static const struct gap_index *index_of(struct made *made)
{
    const struct gap_index *index;
    struct error err = {0};

    assert_int_equal(gap_index_get(&made->segment, &index, &err), STATUS_OK);
    return index;
}

/* ---- what is made ---- */

static void test_equal_gaps_are_one(void **unused)
{
    struct made made;
    const struct gap_index *index;

    (void)unused;
    made_init(&made);
    add_template(&made, 0, "GET {t} took {i} ms");  /* "GET ", " took ", " ms" */
    add_template(&made, 0, "PUT {t} took {i} ms");  /* "PUT " is new */
    add_template(&made, 1, "GET {t} took {i} ms");  /* nothing new: slots of the same kinds */
    add_template(&made, 2, "GET {f} took {i} ms");  /* "GET ", " took ": beside any text */
    add_template(&made, 3, "GET {t} took {i} msec"); /* " msec" */
    add_template(&made, 4, "GET {t} took {i}ms");   /* glued: all three of it are others */
    index = index_of(&made);
    assert_int_equal(index->gap_count, 3 + 1 + 2 + 1 + 3);
    assert_int_equal(index->template_count, 6);
    /* Kinds: a token, a number, any text. */
    assert_int_equal(index->kind_count, 3);
    assert_int_equal(index->column_kinds[index->column_first[0]], 0);
    assert_int_equal(index->column_kinds[index->column_first[0] + 1], 1);
    assert_int_equal(index->column_kinds[index->column_first[2]], 2);
    assert_false(index->kinds[0].wide);
    assert_false(index->kinds[1].wide);
    assert_true(index->kinds[2].wide);
    assert_ptr_equal(index_of(&made), index); /* kept */
    made_release(&made);
}

static const struct template_case {
    const char *name, *template;
    uint8_t judged; /* enum gap_template */
    uint32_t gap_count;
} template_cases[] = {
    {"no slot", "all done", 0, 1},
    {"no literal", "{t}", 0, 0},
    {"empty ends", "{t} {i}", 0, 1},
    {"slots touch", "a {t}{i} b", TEMPLATE_SLOTS_TOUCH, 2},
    {"word before a slot", "id{i}", TEMPLATE_WORD_GLUE, 1},
    {"word behind a slot", "{i}ms", TEMPLATE_WORD_GLUE, 1},
    {"token byte that is no word byte", "a-{i}", 0, 1},
    {"word at the ends of the line only", "a {i} b", 0, 2},
    {"both", "x{i}{t}", TEMPLATE_WORD_GLUE | TEMPLATE_SLOTS_TOUCH, 1},
    {"the same gap twice", "a, {i}, {i}, {i}", 0, 2},
};

static void test_templates(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(template_cases); i++) {
        const struct template_case *c = &template_cases[i];
        const struct gap_index *index;
        struct made made;

        print_message("  %s\n", c->name);
        made_init(&made);
        add_template(&made, 0, c->template);
        index = index_of(&made);
        assert_int_equal(index->templates[0], c->judged);
        assert_int_equal(index->slots_touch, (c->judged & TEMPLATE_SLOTS_TOUCH) != 0);
        assert_int_equal(index->gap_count, c->gap_count);
        made_release(&made);
    }
}

/* One gap more than is indexed: there is no index, and no template is looked at. */
static void test_too_many_gaps(void **unused)
{
    struct made made;

    (void)unused;
    made_init(&made);
    made.segment.family_count = 1;
    made.segment.template_count = GAP_INDEX_USES_MAX + 1;
    made.families[0].template_count = GAP_INDEX_USES_MAX + 1;
    assert_null(index_of(&made));
    assert_null(index_of(&made)); /* remembered */
    made_release(&made);
}

/* 256 kinds of columns are told apart. */
static void test_too_many_kinds(void **unused)
{
    (void)unused;
    for (uint16_t count = 256; count <= 257; count++) {
        static struct segment_column columns[257];
        static uint32_t gap_ends[258];
        struct made made;

        made_init(&made);
        for (uint16_t i = 0; i < count; i++)
            columns[i] = (struct segment_column){
                .kind = {i < 256 ? SLOT_PADDED : SLOT_INT, (uint8_t)i}, .class = CLASS_NUMBERS};
        made.templates[0] = (struct segment_template){.literals = "", .gap_ends = gap_ends};
        made.families[0] = (struct segment_family){
            .columns = columns, .slot_count = count, .template_count = 1};
        made.segment.family_count = made.segment.template_count = 1;
        assert_int_equal(index_of(&made) != NULL, count == 256);
        made_release(&made);
    }
}

/* ---- needles ---- */

/* `cuts`: by byte of the needle, 'e' a value can end before it, 'b' a value can begin with it. */
static const struct search_case {
    const char *name, *template, *needle, *cuts;
    bool fold, left, right;
    enum gap_touch expected;
} search_cases[] = {
    {"in a gap", "took {i} ms", "ook", "", false, false, false, GAPS_HOLD},
    {"a whole gap", "took {i} ms", " ms", "", false, false, false, GAPS_HOLD},
    {"in no gap", "took {i} ms", "lost", "", false, false, false, GAPS_UNTOUCHED},
    {"other case", "Took {i} ms", "took", "", false, false, false, GAPS_UNTOUCHED},
    {"other case, folded", "Took {i} MS", "took", "", true, false, false, GAPS_HOLD},
    {"folded at a cut", "Took {i} MS", "1 ms", ".e..", true, false, false, GAPS_TOUCHED},
    {"out of a value", "took {i} ms", "7 m", ".e.", false, false, false, GAPS_TOUCHED},
    {"no value ends so", "took {i} ms", "z m", "...", false, false, false, GAPS_UNTOUCHED},
    {"into a value", "took {i} ms", "k 7", "..b", false, false, false, GAPS_TOUCHED},
    {"no value begins so", "took {i} ms", "k z", "...", false, false, false, GAPS_UNTOUCHED},
    {"nothing before the line", "took {i} ms", "7took", ".e...", false, false, false,
     GAPS_UNTOUCHED},
    {"nothing behind the line", "took {i} ms", "ms7", "..b", false, false, false, GAPS_UNTOUCHED},
    {"value, gap, value", "{i} of {i}", "7 of 9", ".e...b", false, false, false, GAPS_TOUCHED},
    {"gap, value, gap", "a {i} b", "a 7 b", "..b..", false, false, false, GAPS_TOUCHED},
    {"any text before the gap", "{f}: x", "z: ", "...", false, false, false, GAPS_TOUCHED},
    {"any text behind the gap", "x: {f}", ": z", "...", false, false, false, GAPS_TOUCHED},
    {"glued, a token byte", "id{i} x", "d7", "..", false, false, false, GAPS_TOUCHED},
    {"glued, no token byte", "id{i} x", "d\t", "..", false, false, false, GAPS_UNTOUCHED},
    {"a stamp ends so", "{s} up", "5 up", "....", false, false, false, GAPS_TOUCHED},
    {"no stamp ends so", "{s} up", "z up", "....", false, false, false, GAPS_UNTOUCHED},
    {"a stamp begins so", "up {s}", "p 2026", "......", false, false, false, GAPS_TOUCHED},
    {"no stamp begins so", "up {s}", "p zz", "....", false, false, false, GAPS_UNTOUCHED},
    {"slots that touch", "{t}{i} ms", "lost", "", false, false, false, GAPS_TOUCHED},
    {"words apart", "it took {i}", "took", "", false, true, true, GAPS_HOLD},
    {"a part of a word, left", "it took {i}", "ook", "", false, true, false, GAPS_TOUCHED},
    {"a part of a word, right", "it took {i}", "too", "", false, false, true, GAPS_TOUCHED},
    {"word at the beginning of the line", "took {i}", "took", "", false, true, true, GAPS_HOLD},
    {"word at the end of the line", "{i} took", "took", "", false, true, true, GAPS_HOLD},
    {"word beside a slot", "id{i}", "id", "", false, true, true, GAPS_TOUCHED},
    {"the second one is apart", "atook took {i}", "took", "", false, true, true, GAPS_HOLD},
    {"one byte, in a gap", "a {i}", "a", "", false, false, false, GAPS_HOLD},
    {"one byte, not in a gap", "a {i}", "7", "", false, false, false, GAPS_UNTOUCHED},
};

static uint8_t search(const struct gap_index *index, const struct needle *needle, uint8_t *cuts,
                      const struct search_case *c)
{
    struct gap_question question = {needle, cuts, c->left, c->right};
    uint8_t touched[1] = {GAPS_UNTOUCHED};
    bool any = gap_index_search(index, &question, touched);

    assert_int_equal(any, touched[0] != GAPS_UNTOUCHED);
    return touched[0];
}

static void test_search(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(search_cases); i++) {
        const struct search_case *c = &search_cases[i];
        struct needle needle = {.text = slice_of(c->needle), .fold = c->fold};
        uint8_t cuts[40] = {0};
        struct made made;

        print_message("  %s\n", c->name);
        made_init(&made);
        add_template(&made, 0, c->template);
        for (size_t at = 0; c->cuts[at] != '\0'; at++)
            cuts[at] = c->cuts[at] == 'e'   ? CUT_VALUE_ENDS
                       : c->cuts[at] == 'b' ? CUT_VALUE_BEGINS
                                            : 0;
        assert_int_equal(search(index_of(&made), &needle, cuts, c), c->expected);
        made_release(&made);
    }
}

/* A gap tells all templates that have it, and no other. */
static void test_uses(void **unused)
{
    static const uint8_t expected[] = {GAPS_HOLD, GAPS_UNTOUCHED, GAPS_HOLD, GAPS_TOUCHED};
    struct needle needle = {.text = SLICE_LITERAL(", b")};
    uint8_t cuts[] = {0, 0, CUT_VALUE_BEGINS}, touched[COUNT_OF(expected)] = {0};
    struct gap_question question = {.needle = &needle, .cuts = cuts};
    struct made made;

    (void)unused;
    made_init(&made);
    add_template(&made, 0, "a {i}, b {i}, b {i}, b");
    add_template(&made, 0, "a {i}; b {i}; b {i}; b");
    add_template(&made, 0, "z {i}, b {i}; b {i}; b");
    add_template(&made, 1, "a, {t}");
    assert_true(gap_index_search(index_of(&made), &question, touched));
    assert_memory_equal(touched, expected, sizeof(expected));
    made_release(&made);
}

/* ---- against memmem ---- */

enum { ROUNDS = 3000, NEEDLES = 20, LINES = 4 };

/* A small alphabet, so that needles often fit: a word byte of either case, a token byte, two others. */
static const char alphabet[] = "aA- :";

static size_t random_text(struct test_random *random, const char *of, size_t size, char *out)
{
    size_t len = 1 + test_random_below(random, size);

    for (size_t i = 0; i < len; i++)
        out[i] = of[test_random_below(random, strlen(of))];
    out[len] = '\0';
    return len;
}

static void random_template(struct test_random *random, char *out)
{
    uint64_t slots = test_random_below(random, 4);

    *out = '\0';
    for (uint64_t slot = 0; slot <= slots; slot++) {
        bool inner = slot > 0 && slot < slots;

        if (inner || test_random_chance(random, 80))
            out += random_text(random, alphabet, 5, out);
        if (slot < slots) {
            memcpy(out, test_random_chance(random, 70) ? "{t}" : "{f}", 4);
            out += 3;
        }
    }
}

static struct slice gap_of(const struct made *made, uint32_t gap)
{
    uint32_t start = gap > 0 ? made->gap_ends[0][gap - 1] : 0;

    return slice_make(made->literals[0] + start, made->gap_ends[0][gap] - start);
}

static bool same_byte(const struct needle *needle, size_t at, char byte)
{
    return needle->text.data[at] == (needle->fold ? fold_byte(byte) : byte);
}

/* Can the needle lie over the gap, with its first byte on gap[at]? It is in a value where it stands out. */
static bool lies_over(const struct made *made, uint32_t gap, const struct needle *needle, long at)
{
    struct slice text = gap_of(made, gap);
    long end = at + (long)needle->text.len;

    if ((at < 0 && gap == 0) || (end > (long)text.len && gap == made->families[0].slot_count))
        return false;
    for (long i = at < 0 ? 0 : at; i < end && i < (long)text.len; i++)
        if (!same_byte(needle, (size_t)(i - at), text.data[i]))
            return false;
    return true;
}

static enum gap_touch touch_of(const struct made *made, const struct needle *needle)
{
    enum gap_touch touch = GAPS_UNTOUCHED;

    for (uint32_t gap = 0; gap <= made->families[0].slot_count; gap++) {
        struct slice text = gap_of(made, gap);
        char folded[LITERALS_SIZE];

        for (size_t i = 0; i < text.len; i++)
            folded[i] = needle->fold ? fold_byte(text.data[i]) : text.data[i];
        if (memmem(folded, text.len, needle->text.data, needle->text.len) != NULL)
            return GAPS_HOLD;
        for (long at = 1 - (long)needle->text.len; at < (long)text.len; at++)
            if (lies_over(made, gap, needle, at))
                touch = GAPS_TOUCHED;
    }
    return touch;
}

/* A line of the template; in_value[i]: byte i is one of a value. */
static size_t random_line(struct test_random *random, const struct made *made, char *out,
                          bool *in_value)
{
    size_t len = 0;

    for (uint32_t gap = 0; gap <= made->families[0].slot_count; gap++) {
        struct slice text = gap_of(made, gap);
        size_t begin = len;

        memcpy(out + len, text.data, text.len);
        len += text.len;
        for (size_t i = begin; i < len; i++)
            in_value[i] = false;
        if (gap == made->families[0].slot_count)
            break;
        begin = len;
        len += random_text(random, made->columns[0][gap].kind.param == TEXT_FREE ? alphabet : "aA-",
                           4, out + len);
        for (size_t i = begin; i < len; i++)
            in_value[i] = true;
    }
    return len;
}

/* What the index says must be true of lines: HOLD is in all of them; UNTOUCHED only inside of values. */
static void check_lines(struct test_random *random, const struct made *made,
                        const struct needle *needle, uint8_t touched)
{
    for (unsigned i = 0; i < LINES; i++) {
        char line[LITERALS_SIZE];
        bool in_value[LITERALS_SIZE], outside = false;
        size_t len = random_line(random, made, line, in_value), found = 0;
        struct slice text = needle->text;

        for (size_t k = 0; needle->fold && k < len; k++)
            line[k] = fold_byte(line[k]);
        for (const char *at = line; at != NULL; at++, found++) {
            at = memmem(at, len - (size_t)(at - line), text.data, text.len);
            if (at == NULL)
                break;
            for (size_t k = 0; k < text.len; k++)
                outside |= !in_value[(size_t)(at - line) + k];
        }
        if ((touched == GAPS_HOLD && found == 0) || (touched == GAPS_UNTOUCHED && outside))
            fail_msg("\"%.*s\" in line \"%.*s\": %d", SLICE_ARG(text), (int)len, line, touched);
    }
}

/* With every cut possible, the index finds what laying the needle over each gap finds. */
static void test_against_memmem(void **unused)
{
    static const struct search_case anywhere = {.left = false, .right = false};
    struct test_random random = {20261125};
    unsigned hit[GAPS_HOLD + 1] = {0};

    (void)unused;
    for (unsigned round = 0; round < ROUNDS; round++) {
        char template[LITERALS_SIZE], text[16];
        struct made made;

        random_template(&random, template);
        made_init(&made);
        add_template(&made, 0, template);
        for (unsigned i = 0; i < NEEDLES; i++) {
            bool fold = test_random_chance(&random, 50);
            struct needle needle = {.fold = fold};
            uint8_t cuts[16], touched;

            needle.text = slice_make(text, random_text(&random, fold ? "a- :" : alphabet, 8, text));
            memset(cuts, CUT_VALUE_ENDS | CUT_VALUE_BEGINS, sizeof(cuts));
            touched = search(index_of(&made), &needle, cuts, &anywhere);
            if (touched != touch_of(&made, &needle))
                fail_msg("round %u: \"%s\" over \"%s\", fold %d: %d", round, text, template, fold,
                         touched);
            check_lines(&random, &made, &needle, touched);
            hit[touched]++;
        }
        made_release(&made);
    }
    for (unsigned touch = 0; touch < COUNT_OF(hit); touch++) /* each answer is tried often */
        assert_true(hit[touch] > ROUNDS);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_gaps_are_one), cmocka_unit_test(test_templates),
        cmocka_unit_test(test_too_many_gaps),      cmocka_unit_test(test_too_many_kinds),
        cmocka_unit_test(test_search),             cmocka_unit_test(test_uses),
        cmocka_unit_test(test_against_memmem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
