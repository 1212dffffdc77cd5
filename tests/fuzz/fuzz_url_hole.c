/* tests/fuzz/fuzz_url_hole.c -- the pattern in the first line is asked about the form in the second, in
 * which a # stands for an id and a @ for a name. What is said of the form must hold of texts of it that
 * the other bytes fill. The same of walks of a set over the first hole. */
#include "collector/url_hole.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    PATTERN_SIZE_MAX = 100,
    FORM_SIZE_MAX = 60,
    HOLES_MAX = 6,
    FILL_SIZE_MAX = 24,
    TEXT_SIZE_MAX = FORM_SIZE_MAX + HOLES_MAX * FILL_SIZE_MAX,
    TEXTS = 12, /* of one form */
};

#define DIGITS (UINT64_C(0x3ff) << '0')
#define BIT(byte) (UINT64_C(1) << ((byte) % 64))

/* What stands in holes of the derive rules: derive_shape_learn.c. */
static const struct url_run id_run = {.bytes = {DIGITS | BIT('-'), UINT64_C(0x3f) << ('a' - 64)},
                                      .len_min = 10};
static const struct url_run name_run = {.bytes = {DIGITS | BIT('.') | BIT('-') | BIT(':'),
                                                  UINT64_C(0x3ffffff) << ('a' - 64) | BIT('_')},
                                        .len_min = 1};

struct text {
    char bytes[TEXT_SIZE_MAX];
    struct url_hole holes[HOLES_MAX];
    struct url_form form;
};

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return *state >> 33;
}

/* A run that the hole may have. Some are of one byte, and some end in a piece of the pattern. */
static uint32_t fill(const struct url_run *run, struct slice pattern, uint64_t *state, char *out)
{
    uint32_t len = run->len_min + (uint32_t)next_random(state) % (FILL_SIZE_MAX - run->len_min + 1);
    uint64_t kind = next_random(state) % 3;
    size_t from = pattern.len == 0 ? 0 : next_random(state) % pattern.len, piece = 0;

    for (uint32_t i = 0; i < len; i++) {
        do
            out[i] = (char)(next_random(state) % 128);
        while (!url_run_has(run, (unsigned char)out[i]));
        if (kind == 0)
            out[i] = out[0];
    }
    while (kind == 1 && piece < len && from + piece < pattern.len &&
           url_run_has(run, (unsigned char)pattern.data[from + piece]))
        piece++;
    if (piece > 0)
        memcpy(out + len - piece, pattern.data + from, piece);
    return len;
}

/* A text of the form; false if it has too many holes. */
static bool make_text(struct slice form, struct slice pattern, uint64_t *state,
                      struct text *out)
{
    size_t len = 0;

    out->form = (struct url_form){.holes = out->holes};
    for (size_t i = 0; i < form.len; i++) {
        const struct url_run *run = form.data[i] == '#'   ? &id_run
                                    : form.data[i] == '@' ? &name_run
                                                          : NULL;
        uint32_t filled = 1;

        if (run == NULL) {
            out->bytes[len] = form.data[i];
        } else {
            if (out->form.hole_count == HOLES_MAX)
                return false;
            filled = fill(run, pattern, state, out->bytes + len);
            out->holes[out->form.hole_count++] = (struct url_hole){(uint32_t)len, filled, run};
        }
        len += filled;
    }
    out->form.text = slice_make(out->bytes, len);
    return true;
}

/* The place in another text of the form; it is in no hole. */
static size_t moved(const struct text *from, const struct text *to, size_t at)
{
    size_t out = at;

    for (uint32_t i = 0; i < from->form.hole_count && from->holes[i].start < at; i++) {
        assert(from->holes[i].start + from->holes[i].len <= at);
        out = out - from->holes[i].len + to->holes[i].len;
    }
    return out;
}

static void check_groups(const struct url_pattern *pattern, const struct text *model,
                         const struct url_match *known, const struct text *text,
                         const struct url_match *found)
{
    for (unsigned i = 0; i <= url_pattern_groups(pattern); i++) {
        size_t start = (size_t)(known->groups[i].data - model->bytes);
        size_t end = start + known->groups[i].len;

        assert(found->groups[i].data == text->bytes + moved(model, text, start));
        assert(found->groups[i].len == moved(model, text, end) - moved(model, text, start));
    }
}

/* What the set finds in the text up to the end of the first hole, and a slash behind it. */
static void check_walk(const struct url_set *set, const struct text *model, const struct text *text)
{
    struct url_walk before = url_set_begin(set), a, b;
    const struct url_hole *hole = &model->holes[0], *other = &text->holes[0];

    url_set_walk(set, &before, slice_first(model->form.text, hole->start));
    if (!url_set_is_blind(set, before.row, hole->run))
        return;
    a = b = before;
    url_set_walk(set, &a, slice_sub(model->form.text, hole->start, hole->len));
    url_set_walk(set, &b, slice_sub(text->form.text, other->start, other->len));
    assert(url_set_end(set, &a) == url_set_end(set, &b));
    url_set_walk(set, &a, SLICE_LITERAL("/"));
    url_set_walk(set, &b, SLICE_LITERAL("/"));
    assert(a.row == b.row && a.found == b.found);
}

static void compare(const struct url_pattern *pattern, struct slice pattern_text, struct slice form,
                    uint64_t state, struct url_scratch *scratch)
{
    const struct url_pattern *const patterns[] = {pattern};
    struct url_set *set = NULL;
    struct error err;

    static struct text model, text;
    struct url_match known, found;
    enum url_answer answer;

    if (!make_text(form, pattern_text, &state, &model))
        return;
    assert(url_set_new(patterns, 1, &set, &err) == STATUS_OK);
    answer = url_form_find(pattern, &model.form, 0, &known);
    for (unsigned i = 0; i < TEXTS && make_text(form, pattern_text, &state, &text); i++) {
        if (model.form.hole_count > 0)
            check_walk(set, &model, &text);
        if (answer == URL_UNKNOWN)
            continue;
        assert(url_pattern_find(pattern, scratch, text.form.text, 0, &found) ==
               (answer == URL_YES));
        if (answer == URL_YES)
            check_groups(pattern, &model, &known, &text, &found);
    }
    url_set_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct url_scratch *scratch;
    struct slice rest = slice_make(data, size), pattern_text, form;
    struct url_pattern *pattern = NULL;
    struct error err;
    uint64_t state = 1;

    if (scratch == NULL)
        scratch = url_scratch_new();
    if (!slice_cut(&rest, '\n', &pattern_text) || pattern_text.len > PATTERN_SIZE_MAX)
        return 0;
    if (!slice_cut(&rest, '\n', &form)) {
        form = rest;
        rest = slice_first(rest, 0);
    }
    if (form.len > FORM_SIZE_MAX || url_pattern_new(pattern_text, &pattern, &err) != STATUS_OK)
        return 0;
    for (size_t i = 0; i < rest.len; i++)
        state = state * 31 + (unsigned char)rest.data[i];
    if (!url_pattern_is_pcre(pattern))
        compare(pattern, pattern_text, form, state, scratch);
    url_pattern_free(pattern);
    return 0;
}
