/* collector/derive_shape_learn.c -- ask the rules about a form, once for all paths of a shape.
 *
 * Which rules match is known of all of them if the set is where it was behind the front (that is
 * part of the shape) and goes over ids blindly. Of a rule that matches it must then be known where:
 * the same pass over the pattern, in which a byte of a hole is any byte that may be there. */
#include "collector/derive_private.h"
#include "collector/derive_shape.h"
#include "collector/derive_text.h"

#include <string.h>

/* Bits 0 to 63 and 64 to 127 of ASCII. */
#define DIGITS (UINT64_C(0x3ff) << '0')
#define BIT(byte) (UINT64_C(1) << ((byte) % 64))

static const struct url_run name_run = {
    .bytes = {DIGITS | BIT('.') | BIT('-') | BIT(':'),
              UINT64_C(0x3ffffff) << ('a' - 64) | BIT('_')},
    .len_min = 1};
static const struct url_run id_run = {.bytes = {DIGITS | BIT('-'), UINT64_C(0x3f) << ('a' - 64)},
                                      .len_min = SHAPE_ID_MIN};

/* A form that is being made by replacements. */
struct rewriting {
    struct text_builder text;
    struct url_hole holes[SHAPE_HOLES_MAX];
    uint32_t hole_count;
};

/* The name, if the path has a front, then the ids. */
static uint32_t find_holes(const struct shape_key *key, size_t front_len,
                           struct url_hole holes[SHAPE_HOLES_MAX])
{
    size_t head_len = shape_head_len(key->head);
    uint32_t count = 0;

    if (front_len > 0)
        holes[count++] = (struct url_hole){
            (uint32_t)head_len, (uint32_t)(front_len - 1 - head_len), &name_run};
    for (uint32_t at = 0, start; at < SHAPE_IDS_MAX; at++) {
        for (start = at; at < SHAPE_IDS_MAX && (key->holes >> at & 1) != 0; at++)
            ;
        if (at > start)
            holes[count++] = (struct url_hole){(uint32_t)front_len + start, at - start, &id_run};
    }
    return count;
}

/* Walk from behind the front to the end. False: what is in an id may matter. */
static bool find_matches(const struct url_set *set, const struct shape_key *key, size_t front_len,
                         const struct url_form *form, uint64_t *matches)
{
    struct url_walk walk = {.row = key->row, .found = key->found};
    size_t at = front_len;

    for (uint32_t i = front_len > 0; i < form->hole_count; i++) {
        size_t start = form->holes[i].start;

        url_set_walk(set, &walk, slice_sub(form->text, at, start - at));
        if (!url_set_is_blind(set, walk.row, form->holes[i].run))
            return false;
        at = start;
    }
    url_set_walk(set, &walk, slice_from(form->text, at));
    *matches = url_set_end(set, &walk);
    return true;
}

/* Of a place that is not within the name. */
static struct shape_place place_of(size_t front_len, size_t at)
{
    if (at + 1 < front_len && front_len > 0)
        return (struct shape_place){.at = (int8_t)at};
    return (struct shape_place){.in_rest = true,
                                .at = (int8_t)((ptrdiff_t)at - (ptrdiff_t)front_len)};
}

/* The group that is the value of the rule, if it is found and needs no folding: nothing in a hole
 * does. */
static struct shape_answer find_part(const struct derive_rule *rule, enum derived_field kind,
                                     const struct url_form *form, size_t front_len)
{
    struct shape_answer answer = {.type = SHAPE_ASK};
    struct url_match match;
    struct slice group;
    size_t start;

    if (!rule->group_only || url_form_find(rule->pattern, form, 0, &match) != URL_YES)
        return answer;
    group = match.groups[rule->set.data[1] - '0'];
    if (group.len == 0 || ((rule->lower || kind == DERIVED_TENANT) && !text_is_folded(group)))
        return answer;
    start = (size_t)(group.data - form->text.data);
    answer.type = SHAPE_PART;
    answer.start = place_of(front_len, start);
    answer.end = place_of(front_len, start + group.len);
    return answer;
}

/* The first rule of the field that matches; one before it may look at something else. */
static struct shape_answer find_answer(const struct derive_rules *rules, enum derived_field kind,
                                       uint64_t matches, const struct url_form *form,
                                       size_t front_len)
{
    uint64_t mine = rules->bits[kind][DERIVE_FROM_PATH];
    uint64_t bits = mine & matches, first = bits & (~bits + 1); /* 0: all others come before */
    struct shape_answer answer = {.type = SHAPE_NOTHING};

    if (bits != 0) {
        uint32_t index = (uint32_t)__builtin_ctzll(bits) - rules->first_bits[kind];
        const struct derive_rule *rule = &rules->rules[kind][index];

        if (rule->pattern == NULL || rule->constant)
            answer = (struct shape_answer){.type = SHAPE_CONSTANT, .rule = (uint8_t)index};
        else
            answer = find_part(rule, kind, form, front_len);
    }
    answer.alone = (rules->all_bits[kind] & ~mine & (first - 1)) != 0;
    return answer;
}

/* ---- the path without ids ---- */

/* Append a part of a form, in which holes are whole or not at all. */
static void keep(struct rewriting *out, const struct url_form *form, size_t from, size_t to)
{
    for (uint32_t i = 0; i < form->hole_count; i++) {
        struct url_hole hole = form->holes[i];

        if (hole.start < from || hole.start >= to)
            continue;
        hole.start = (uint32_t)(hole.start - from + out->text.len);
        out->holes[out->hole_count++] = hole;
    }
    text_put(&out->text, slice_sub(form->text, from, to - from));
}

static bool has_hole(const struct url_form *form, struct slice part)
{
    size_t start = (size_t)(part.data - form->text.data);

    for (uint32_t i = 0; i < form->hole_count; i++)
        if (form->holes[i].start >= start && form->holes[i].start < start + part.len)
            return true;
    return false;
}

/* Every match of the rule, as replace_all() does it. False: not known. */
static bool replace_all(const struct derive_rule *rule, const struct url_form *form,
                        struct rewriting *out)
{
    size_t kept = 0;

    out->text.len = 0;
    out->text.full = false;
    out->hole_count = 0;
    for (unsigned count = 0; count < DERIVE_REPLACEMENTS_MAX; count++) {
        struct url_match match;
        enum url_answer answer = url_form_find(rule->pattern, form, kept, &match);
        size_t start;

        if (answer == URL_NO)
            break;
        if (answer == URL_UNKNOWN || match.groups[0].len == 0 ||
            (!rule->constant && has_hole(form, match.groups[0])))
            return false;
        start = (size_t)(match.groups[0].data - form->text.data);
        keep(out, form, kept, start);
        text_expand(&out->text, rule->set, &match);
        kept = start + match.groups[0].len;
    }
    keep(out, form, kept, form->text.len);
    return !out->text.full;
}

/* The text where it stays; `data` NULL: too many are kept. */
static struct slice keep_group(struct derive_shapes *shapes, struct slice text)
{
    struct slice copy;

    if (map_get(&shapes->groups, text) != MAP_NONE)
        return map_place(&shapes->groups, text)->key;
    copy = arena_copy(&shapes->group_texts, text);
    if (copy.data == NULL || !map_put(&shapes->groups, copy, 0))
        return (struct slice){NULL, 0};
    return copy;
}

/* The path with all rules of replacements applied: known if no hole is left. */
static void learn_group(struct derive_shapes *shapes, struct derive_shape *shape,
                        const struct derive_rules *rules, const struct url_form *path)
{
    struct rewriting made[2]; /* of one rule from what the one before it made */
    struct url_form form = *path;

    if ((rules->all_bits[DERIVED_PATH_GROUP] & shape->matches) == 0) {
        shape->group_type = SHAPE_WHOLE;
        return;
    }
    for (uint32_t i = 0; i < rules->counts[DERIVED_PATH_GROUP]; i++) {
        struct rewriting *out = &made[i % 2];

        if (!replace_all(&rules->rules[DERIVED_PATH_GROUP][i], &form, out))
            return;
        form = (struct url_form){slice_make(out->text.bytes, out->text.len), out->holes,
                                 out->hole_count};
    }
    if (form.hole_count > 0 || form.text.len > SHAPE_GROUP_MAX)
        return;
    shape->group = keep_group(shapes, form.text);
    shape->group_type = shape->group.data == NULL ? SHAPE_ASK : SHAPE_TEXT;
}

void derive_shape_learn(struct derive_shapes *shapes, struct derive_shape *shape,
                        const struct derive_rules *rules, struct slice path, size_t front_len)
{
    struct url_hole holes[SHAPE_HOLES_MAX];
    const struct url_form form = {path, holes, find_holes(&shape->key, front_len, holes)};

    if (!find_matches(rules->set, &shape->key, front_len, &form, &shape->matches))
        return;
    shape->known = true;
    for (unsigned kind = 0; kind < SHAPE_FIELDS; kind++)
        shape->answers[kind] =
            find_answer(rules, (enum derived_field)kind, shape->matches, &form, front_len);
    if (rules->counts[DERIVED_PATH_GROUP] > 0)
        learn_group(shapes, shape, rules, &form);
    shape->whole = shape->whole_alone = true;
    for (unsigned kind = 0; kind < SHAPE_FIELDS; kind++) {
        bool told = shape->answers[kind].type != SHAPE_ASK;

        shape->whole_alone = shape->whole_alone && told;
        shape->whole = shape->whole && told && !shape->answers[kind].alone;
    }
}
