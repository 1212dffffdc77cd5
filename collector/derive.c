/* collector/derive.c -- apply the rules to an event. Each rule is one url_pattern; the first that
 * matches makes the value.
 *
 * What a rule does within the front of a text is remembered (derive_front.h). That is sound for a
 * rule of one branch, known to match from the set alone, whose match begins with the text and ends
 * before the front does. Such a match is the leftmost one of every text with that front, since the
 * matcher never goes back and has read nothing behind the front. That it stays the rule's only
 * match needs two things: no second one was found when it was remembered, and what follows the
 * front did not make the set say so. A second match within the front would have been found then,
 * too; one that ends behind it the set finds there. */
#include "collector/derive_front.h"
#include "collector/derive_private.h"
#include "collector/derive_text.h"
#include "collector/formats/request_line.h"

#include <assert.h>

/* One event on its way through the rules. */
struct derivation {
    const struct derive_rules *rules;
    struct url_scratch *scratch;
    struct derive_memory *memory; /* or NULL */
    struct arena *arena;
    struct slice event;
    struct parsed_event *parsed;
    struct slice texts[DERIVE_SOURCE_COUNT];          /* data NULL: the event has none */
    uint64_t matches[DERIVE_SOURCE_COUNT];            /* url_set_match() of them, */
    bool asked[DERIVE_SOURCE_COUNT];                  /* if it was needed yet */
    struct derive_front *fronts[DERIVE_SOURCE_COUNT]; /* of those asked; NULL: none */
    uint64_t behind[DERIVE_SOURCE_COUNT];             /* matches that end behind the front */
    const struct derive_shape *shape;                 /* of the path; NULL: nothing is known */
    size_t front_len;                                 /* of the path, for its shape */
    bool alone;                                       /* there is no text but the path */
};

static void add_text(struct derivation *at, field_id field, struct slice text)
{
    parsed_span(at->parsed, field, FIELD_TEXT, UNIT_NONE, at->event, text);
}

static void add_computed(struct derivation *at, field_id field, struct slice text)
{
    parsed_text(at->parsed, field, FIELD_TEXT, text);
}

/* Does the match begin with the text and end within its front, and is the rule one of those of
 * which this says enough? */
static bool is_in_front(const struct derive_rule *rule, const struct derive_front *front,
                        struct slice text, struct slice match)
{
    return front != NULL && rule->fronted && match.data == text.data && match.len > 0 &&
           match.len < front->len;
}

/* As fronts have it, of the bit in the set. */
static uint8_t rule_number(uint64_t bit)
{
    return (uint8_t)(__builtin_ctzll(bit) + 1);
}

/* What is known of the field in the texts with this front. NULL: nobody remembers that. */
static struct front_answer *answer_of(struct derivation *at, unsigned source,
                                      enum derived_field kind)
{
    struct derive_front *front = at->fronts[source];

    return front == NULL || (unsigned)kind >= FRONT_FIELDS ? NULL : &front->answers[kind];
}

/* Remember what a rule finds in every text with this front: the group, or its constant. It comes
 * first if what stands before it looks at the path, too, and matches nothing in the front. */
static void learn_answer(struct derivation *at, unsigned source, enum derived_field kind,
                         uint64_t bit, struct slice group)
{
    const struct derive_rules *rules = at->rules;
    const struct derive_front *front = at->fronts[source];
    uint64_t before = rules->all_bits[kind] & (bit - 1);
    uint64_t may_match = front->found | ~rules->bits[kind][DERIVE_FROM_PATH];

    *answer_of(at, source, kind) =
        (struct front_answer){.rule = rule_number(bit),
                              .start = (uint8_t)(group.data - at->texts[source].data),
                              .len = (uint8_t)group.len,
                              .first = (before & may_match) == 0};
}

/* Add what is known of the front, unless what follows it lets a rule match that comes before. The
 * rule must be one that looks at this source, or `any`. */
static bool recall_answer(struct derivation *at, unsigned source, enum derived_field kind, bool any,
                          field_id field)
{
    const struct derive_rules *rules = at->rules;
    const struct front_answer *answer = answer_of(at, source, kind);
    uint64_t bit;

    if (answer == NULL || !answer->first)
        return false;
    bit = UINT64_C(1) << (answer->rule - 1);
    if ((at->behind[source] & rules->all_bits[kind] & (bit - 1)) != 0 ||
        (!any && (rules->bits[kind][source] & bit) == 0))
        return false;
    if (answer->len > 0)
        add_text(at, field, slice_make(at->texts[source].data + answer->start, answer->len));
    else
        add_computed(at, field,
                     rules->rules[kind][answer->rule - 1U - rules->first_bits[kind]].set);
    return true;
}

/* The value of the rule that matched: a part of the bytes where it can be. */
static void add_value(struct derivation *at, const struct derive_rule *rule, unsigned source,
                      const struct url_match *match, enum derived_field kind, uint64_t bit,
                      field_id field)
{
    bool folds = rule->lower || kind == DERIVED_TENANT;
    struct text_builder text;

    if (rule->group_only) {
        struct slice group = match->groups[rule->set.data[1] - '0'];

        if (!folds || text_is_folded(group)) {
            if (answer_of(at, source, kind) != NULL && bit != 0 && group.len > 0 &&
                is_in_front(rule, at->fronts[source], at->texts[source], match->groups[0]))
                learn_answer(at, source, kind, bit, group);
            add_text(at, field, group);
            return;
        }
    }
    text.len = 0;
    text.full = false;
    text_expand(&text, rule->set, match);
    if (kind == DERIVED_TENANT)
        text_decode_percent(&text);
    if (folds)
        text_fold(&text);
    if (!text.full)
        add_computed(at, field, arena_copy(at->arena, slice_make(text.bytes, text.len)));
}

/* Which rules match the text, by what is known of its front and a walk over the rest. */
static void ask_set(struct derivation *at, unsigned source)
{
    const struct url_set *set = at->rules->set;
    struct slice text = at->texts[source];
    struct derive_front *front = NULL;
    struct url_walk walk;

    at->asked[source] = true;
    if (text.data == NULL)
        return;
    if (at->memory != NULL)
        front = derive_memory_front(at->memory, set, text);
    if (front == NULL) {
        at->matches[source] = url_set_match(set, text);
        return;
    }
    walk = (struct url_walk){.row = front->row};
    url_set_walk(set, &walk, slice_from(text, front->len));
    at->fronts[source] = front;
    at->behind[source] = url_set_end(set, &walk);
    at->matches[source] = front->found | at->behind[source];
}

static uint64_t matches_of(struct derivation *at, unsigned source)
{
    if (!at->asked[source])
        ask_set(at, source);
    return at->matches[source];
}

/* The first of the field's rules that may match, as its bit in the set, but none of `done`; 0:
 * none. A source is asked only if one of its rules would come first. */
static uint64_t next_bit(struct derivation *at, enum derived_field kind, int from, uint64_t done)
{
    uint64_t left = at->rules->all_bits[kind] & ~done, first = 0;

    if (from >= 0) {
        left &= matches_of(at, (unsigned)from);
        return left & (~left + 1);
    }
    for (unsigned source = 0; left != 0; source++) {
        uint64_t bits = left & at->rules->bits[kind][source];

        left &= ~bits;
        if (bits != 0)
            bits &= matches_of(at, source);
        if (bits != 0) {
            first = bits & (~bits + 1);
            left &= first - 1;
        }
    }
    return first;
}

/* Add the value of one rule that may match, if it does; `bit` is its in the set, or 0. Nobody needs
 * the groups of a constant. */
static bool apply_rule(struct derivation *at, const struct derive_rule *rule, unsigned source,
                       enum derived_field kind, uint64_t bit, field_id field)
{
    struct slice text = at->texts[source];
    const struct front_answer *known = answer_of(at, source, kind);
    struct url_match match;

    if (text.data == NULL)
        return false;
    if (known != NULL && bit != 0 && known->rule == rule_number(bit) && known->len > 0) {
        add_text(at, field, slice_make(text.data + known->start, known->len));
        return true;
    }
    if (rule->pattern == NULL || (rule->constant && rule->exact)) {
        if (known != NULL && (at->fronts[source]->found & bit) != 0)
            learn_answer(at, source, kind, bit, slice_first(text, 0));
        add_computed(at, field, rule->set);
        return true;
    }
    if (!url_pattern_find(rule->pattern, at->scratch, text, 0, &match))
        return false;
    if (rule->constant)
        add_computed(at, field, rule->set);
    else
        add_value(at, rule, source, &match, kind, bit, field);
    return true;
}

/* First rule that matches; `from` replaces that of the rules if it is not negative. Not part of its
 * caller, which seldom comes here: matches need room on the stack. */
static __attribute__((noinline)) void try_rules(struct derivation *at, enum derived_field kind,
                                                int from, field_id field)
{
    const struct derive_rules *rules = at->rules;
    uint32_t behind = rules->set_counts[kind]; /* the set: these are tried one by one */
    uint64_t bit = next_bit(at, kind, from, 0);

    while (bit != 0 || behind < rules->counts[kind]) {
        const struct derive_rule *rule = &rules->rules[kind][behind];

        if (bit != 0)
            rule = &rules->rules[kind][(uint32_t)__builtin_ctzll(bit) - rules->first_bits[kind]];
        else
            behind++;
        if (apply_rule(at, rule, from >= 0 ? (unsigned)from : rule->from, kind, bit, field))
            return;
        if (bit != 0)
            bit = next_bit(at, kind, from, bit | (bit - 1));
    }
}

/* What is known of the shape of a text. NULL: nothing. */
static const struct derive_shape *find_shape(struct derive_memory *memory,
                                             const struct derive_rules *rules, struct slice text,
                                             size_t *front_len)
{
    const struct derive_shape *shape = NULL;

    if (memory != NULL && rules->exact && text.data != NULL)
        shape = derive_shapes_find(&memory->shapes, rules, text, front_len);
    if (shape != NULL)
        memory->shape_hits++;
    return shape;
}

/* The path's shape tells what the set would say of it. */
static void use_shape(struct derivation *at, const struct derive_shape *shape, size_t front_len)
{
    at->shape = shape;
    at->front_len = front_len;
    if (shape == NULL)
        return;
    at->asked[DERIVE_FROM_PATH] = true;
    at->matches[DERIVE_FROM_PATH] = shape->matches;
}

/* Add what is known of the field in all paths of a shape. A call would pass all of this in memory. */
static inline __attribute__((always_inline)) void
tell(const struct derive_rules *rules, const struct derive_shape *shape, enum derived_field kind,
     field_id field, struct slice path, size_t front_len, struct slice event,
     struct parsed_event *parsed)
{
    const struct shape_answer *answer = &shape->answers[kind];

    if (answer->type == SHAPE_PART) {
        size_t start = shape_place_in(answer->start, front_len);
        size_t end = shape_place_in(answer->end, front_len);

        parsed_span(parsed, field, FIELD_TEXT, UNIT_NONE, event,
                    slice_make(path.data + start, end - start));
    } else if (answer->type == SHAPE_CONSTANT) {
        parsed_text(parsed, field, FIELD_TEXT, rules->rules[kind][answer->rule].set);
    }
}

/* False: the rules must be asked. */
static inline bool recall_shape(struct derivation *at, enum derived_field kind, field_id field)
{
    const struct derive_shape *shape = at->shape;

    if (shape == NULL || shape->answers[kind].type == SHAPE_ASK ||
        (shape->answers[kind].alone && !at->alone))
        return false;
    tell(at->rules, shape, kind, field, at->texts[DERIVE_FROM_PATH], at->front_len, at->event,
         at->parsed);
    return true;
}

/* As try_rules(), which most texts with a known front do without. */
static inline void apply_rules(struct derivation *at, enum derived_field kind, int from,
                               field_id field)
{
    unsigned source = from >= 0 ? (unsigned)from : DERIVE_FROM_PATH;

    (void)matches_of(at, source);
    if (!recall_answer(at, source, kind, from >= 0, field))
        try_rules(at, kind, from, field);
}

/* ---- the path without ids ---- */

/* A path while rules replace parts of it. */
struct rewriting {
    struct slice text;
    char *own;        /* the text, if it is ours to change; NULL: it is still the path */
    uint64_t matches; /* of the text, by the set */
    size_t front;     /* bytes that stand as if known of a front; 0: nothing is known, */
    unsigned row;     /* and a walk of the set behind them */
    uint64_t found;
};

/* What replace_all() did to a text with one match. */
struct replaced {
    unsigned count;
    struct slice match; /* the first one */
    size_t by_len;      /* bytes that it became */
};

/* Every match of one rule that begins at `from` or behind it, left to right. False: nothing matched,
 * or no room. */
static bool replace_all(const struct derive_rule *rule, struct url_scratch *scratch,
                        struct slice text, size_t from, struct text_builder *out,
                        struct replaced *done)
{
    struct url_match match;
    size_t at = from, kept = 0;

    *done = (struct replaced){0};
    out->len = 0;
    out->full = false;
    for (; done->count < DERIVE_REPLACEMENTS_MAX; done->count++) {
        size_t start, len_before;

        if (at > text.len || !url_pattern_find(rule->pattern, scratch, text, at, &match))
            break;
        start = (size_t)(match.groups[0].data - text.data);
        text_put(out, slice_sub(text, kept, start - kept));
        len_before = out->len;
        if (rule->constant)
            text_put(out, rule->set);
        else
            text_expand(out, rule->set, &match);
        if (done->count == 0) {
            done->match = match.groups[0];
            done->by_len = out->len - len_before;
        }
        at = kept = start + match.groups[0].len;
        if (match.groups[0].len == 0) { /* an empty match: go on behind the next byte */
            text_put(out, slice_sub(text, at, 1));
            at = ++kept;
        }
    }
    if (done->count == 0)
        return false;
    text_put(out, slice_from(text, kept));
    return !out->full;
}

/* Put the constant of the rule where runs of bytes are. It is no longer than they are, so the text
 * is changed in place. False: no memory. */
static bool replace_runs(struct derivation *at, const struct derive_rule *rule, size_t from,
                         struct rewriting *path)
{
    struct slice text = path->text, run;
    size_t len = 0, kept = 0;

    for (unsigned count = 0; count < DERIVE_REPLACEMENTS_MAX; count++) {
        size_t start;

        if (!url_pattern_find_run(rule->pattern, text, from, &run))
            break;
        if (path->own == NULL) {
            path->own = arena_take(at->arena, 1, 1, text.len);
            if (path->own == NULL)
                return false;
            start = (size_t)(run.data - text.data);
            memcpy(path->own, text.data, start);
        } else {
            start = (size_t)(run.data - text.data);
            if (kept > 0)
                memmove(path->own + len, text.data + kept, start - kept);
        }
        len += start - kept;
        memcpy(path->own + len, rule->set.data, rule->set.len);
        len += rule->set.len;
        from = kept = start + run.len;
    }
    if (kept == 0)
        return true;
    memmove(path->own + len, text.data + kept, text.len - kept);
    path->text = slice_make(path->own, len + text.len - kept);
    return true;
}

/* Where the first match of a rule can begin, by what is known of the front. The rule's matches have a
 * slash at their beginning or none, and a front ends in one: a match that begins before that lies
 * within the front. */
static size_t first_start(const struct derive_rule *rule, uint64_t bit,
                          const struct rewriting *path)
{
    bool none = rule->segment && path->front > 0 && bit != 0 && (path->found & bit) == 0;

    return none ? path->front - 1 : 0;
}

/* The path has become another text, the same up to `from`. */
static void match_again(const struct url_set *set, size_t from, struct rewriting *path)
{
    struct url_walk walk = {.row = path->row, .found = path->found};

    if (from == 0 || from >= path->text.len || path->text.data[from] != '/') {
        path->front = 0;
        path->matches = url_set_match(set, path->text);
        return;
    }
    url_set_walk(set, &walk, slice_from(path->text, path->front));
    path->matches = url_set_end(set, &walk);
}

/* Remember what became of the one match in the front of the text. */
static void learn_replacement(struct derivation *at, const struct derive_rule *rule, uint64_t bit,
                              struct slice text, const struct text_builder *out,
                              const struct replaced *done)
{
    const struct url_set *set = at->rules->set;
    struct derive_front *front = at->fronts[DERIVE_FROM_PATH];
    struct url_walk walk;

    if (!is_in_front(rule, front, text, done->match) || done->count != 1 ||
        done->by_len > FRONT_REPLACEMENT_MAX)
        return;
    front->replace_rule = rule_number(bit);
    front->match_len = (uint8_t)done->match.len;
    front->by_len = (uint8_t)done->by_len;
    memcpy(front->by, out->bytes, done->by_len);
    walk = url_set_begin(set);
    url_set_walk(set, &walk, slice_make(front->by, front->by_len));
    url_set_walk(set, &walk, slice_sub(text, done->match.len, front->len - done->match.len));
    front->replaced_row = (uint16_t)walk.row;
    front->replaced_found = walk.found;
}

/* Replace the one match of the path by what is known of its front. False: it has to be done. */
static bool recall_replacement(struct derivation *at, const struct derive_front *front,
                               uint64_t bit, struct rewriting *path)
{
    struct slice rest;
    struct url_walk walk;

    if (front->replace_rule != rule_number(bit) || (at->behind[DERIVE_FROM_PATH] & bit) != 0)
        return false;
    rest = slice_from(path->text, front->match_len);
    if (front->by_len + rest.len > DERIVE_TEXT_SIZE_MAX)
        return false;
    path->own = arena_take(at->arena, 1, 1, sizeof(front->by) + rest.len);
    if (path->own == NULL)
        return true;
    memcpy(path->own, front->by, sizeof(front->by)); /* a fixed size: no call */
    memcpy(path->own + front->by_len, rest.data, rest.len);
    path->front = front->by_len + (size_t)front->len - front->match_len;
    path->row = front->replaced_row;
    path->found = front->replaced_found;
    path->matches = front->replaced_found | at->behind[DERIVE_FROM_PATH];
    if (front->replaced_row != front->row) { /* else what follows is as it was */
        walk = (struct url_walk){.row = path->row, .found = path->found};
        url_set_walk(at->rules->set, &walk, slice_from(path->text, front->len));
        path->matches = url_set_end(at->rules->set, &walk);
    }
    path->text = slice_make(path->own, front->by_len + rest.len);
    return true;
}

/* Replace what a rule matches that is no rule of runs; `from` is where its first match can begin.
 * `first`: by what happens in the front of the path, that is to be remembered. Not part of its
 * caller, which seldom comes here: texts need room on the stack. */
static __attribute__((noinline)) void replace_matches(struct derivation *at,
                                                      const struct derive_rule *rule, uint64_t bit,
                                                      bool first, size_t from,
                                                      struct rewriting *path)
{
    struct replaced done;
    struct text_builder out;

    if (!replace_all(rule, at->scratch, path->text, from, &out, &done))
        return;
    if (first)
        learn_replacement(at, rule, bit, path->text, &out, &done);
    path->text = arena_copy(at->arena, slice_make(out.bytes, out.len));
    path->own = (char *)path->text.data;
}

/* A rule of replacements that may match; `bit` is its in the set, or 0. `front`: of the path as it
 * was, or NULL. False: no memory. */
static bool apply_replacement(struct derivation *at, uint32_t index, uint64_t bit,
                              const struct derive_front *front, struct rewriting *path)
{
    const struct derive_rules *rules = at->rules;
    const struct derive_rule *rule = &rules->rules[DERIVED_PATH_GROUP][index];
    bool first = path->own == NULL && front != NULL && bit != 0;
    struct slice before = path->text;
    size_t from;

    if (first && recall_replacement(at, front, bit, path))
        return path->own != NULL;
    from = first_start(rule, bit, path);
    if (!rule->runs)
        replace_matches(at, rule, bit, first, from, path);
    else if (!replace_runs(at, rule, from, path))
        return false;
    if (path->text.len == before.len && path->text.data == before.data)
        return true;
    if (index + 1 < rules->set_counts[DERIVED_PATH_GROUP])
        match_again(rules->set, from, path);
    else
        path->front = 0;
    return !at->arena->failed;
}

/* The first rule from `index` on that may match; its bit in the set, or 0. Behind the last rule:
 * none does. */
static uint32_t next_replacement(const struct derive_rules *rules, uint32_t index,
                                 uint64_t matches, uint64_t *bit)
{
    uint32_t set_count = rules->set_counts[DERIVED_PATH_GROUP];

    *bit = 0;
    if (index >= set_count)
        return index;
    matches &= rules->bits[DERIVED_PATH_GROUP][DERIVE_FROM_PATH] &
               UINT64_MAX << (rules->first_bits[DERIVED_PATH_GROUP] + index);
    if (matches == 0)
        return set_count;
    *bit = matches & (~matches + 1);
    return (uint32_t)__builtin_ctzll(matches) - rules->first_bits[DERIVED_PATH_GROUP];
}

/* `matches`: those of the path. A rule that matched may let others match what it made. `front`: what
 * is known of the path, or NULL. */
static void apply_replacements(struct derivation *at, struct slice text, uint64_t matches,
                               const struct derive_front *front)
{
    const struct derive_rules *rules = at->rules;
    struct rewriting path = {.text = text, .matches = matches};
    uint64_t bit;

    if (text.len > DERIVE_TEXT_SIZE_MAX || rules->counts[DERIVED_PATH_GROUP] == 0)
        return;
    if (front != NULL) {
        path.front = front->len;
        path.row = front->row;
        path.found = front->found;
    }
    for (uint32_t index = 0;; index++) {
        index = next_replacement(rules, index, path.matches, &bit);
        if (index >= rules->counts[DERIVED_PATH_GROUP])
            break;
        if (!apply_replacement(at, index, bit, front, &path))
            return; /* the arena is full: the caller sees that */
    }
    if (path.own == NULL)
        add_text(at, FIELD_ID_PATH_GROUP, text);
    else
        add_computed(at, FIELD_ID_PATH_GROUP, path.text);
}

/* As apply_replacements(), of a path of this shape that tells the group. */
static inline void tell_group(const struct derive_shape *shape, struct slice path,
                              struct slice event, struct parsed_event *parsed)
{
    if (shape->group_type == SHAPE_WHOLE)
        parsed_span(parsed, FIELD_ID_PATH_GROUP, FIELD_TEXT, UNIT_NONE, event, path);
    else if (shape->group_type == SHAPE_TEXT)
        parsed_text(parsed, FIELD_ID_PATH_GROUP, FIELD_TEXT, shape->group);
}

/* The path without ids. `shape`: its own, or NULL. `is_source`: it is the one that the rules of the
 * other fields look at. */
static void group_path(struct derivation *at, struct slice path, const struct derive_shape *shape,
                       bool is_source)
{
    if (shape != NULL && shape->group_type != SHAPE_ASK)
        tell_group(shape, path, at->event, at->parsed);
    else if (is_source)
        apply_replacements(at, path, matches_of(at, DERIVE_FROM_PATH),
                           at->fronts[DERIVE_FROM_PATH]);
    else
        apply_replacements(at, path, url_set_match(at->rules->set, path), NULL);
}

/* ---- the fields of an event ---- */

/* The fields that the rules look at; `data` NULL: the event has none. */
struct derive_fields {
    struct slice path, caller, referer, user, tenant;
};

static struct slice value_of(const struct event_field *field, struct slice event)
{
    if (field->text.data != NULL)
        return field->text;
    return slice_make(event.data + field->start, field->len); /* a span is within the event */
}

#define FIELD_BIT(field) (UINT64_C(1) << (field))
static const uint64_t looked_at = FIELD_BIT(FIELD_ID_PATH) | FIELD_BIT(FIELD_ID_REFERER) |
                                  FIELD_BIT(FIELD_ID_USER) | FIELD_BIT(FIELD_ID_TENANT);
static_assert(FIELD_ID_WELL_KNOWN_COUNT <= 64, "a bit for each");

/* One pass; of fields that occur twice the last counts, as parsed_find() has it. */
static struct derive_fields find_fields(const struct parsed_event *parsed, field_id caller,
                                        struct slice event)
{
    struct derive_fields found = {0};
    const struct event_field *end = parsed->fields + parsed->field_count;

    for (const struct event_field *at = parsed->fields; at < end; at++) {
        if (at->field >= FIELD_ID_WELL_KNOWN_COUNT) {
            if (at->field == caller)
                found.caller = value_of(at, event);
        } else if ((looked_at >> at->field & 1) != 0) {
            struct slice value = value_of(at, event);

            if (at->field == FIELD_ID_PATH)
                found.path = value;
            else if (at->field == FIELD_ID_REFERER)
                found.referer = value;
            else if (at->field == FIELD_ID_USER)
                found.user = value;
            else
                found.tenant = value;
        }
    }
    return found;
}

/* A path as the rules want it. */
static struct slice path_of(struct slice target)
{
    struct slice path = target;
    struct slice params;

    if (target.data != NULL)
        request_target_split(target, &path, &params);
    return path;
}

/* Ask the rules about what shapes, as far as they are known, do not tell. `own`: that of the path.
 * Not part of its caller, which seldom comes here: what rules find out needs room on the stack. */
static __attribute__((noinline)) void ask_rules(struct derivation *at, struct slice path,
                                                const struct derive_shape *own, bool has_tenant,
                                                bool of_caller)
{
    if (!has_tenant && !recall_shape(at, DERIVED_TENANT, FIELD_ID_TENANT))
        apply_rules(at, DERIVED_TENANT, -1, FIELD_ID_TENANT);
    if (at->texts[DERIVE_FROM_PATH].data != NULL) {
        if (!recall_shape(at, DERIVED_URL_GROUP, FIELD_ID_URL_GROUP))
            apply_rules(at, DERIVED_URL_GROUP, -1, FIELD_ID_URL_GROUP);
        if (!recall_shape(at, DERIVED_ROUTE, FIELD_ID_ROUTE))
            apply_rules(at, DERIVED_ROUTE, -1, FIELD_ID_ROUTE);
    }
    if (at->rules->referer_group && at->texts[DERIVE_FROM_REFERER].data != NULL)
        apply_rules(at, DERIVED_URL_GROUP, DERIVE_FROM_REFERER, FIELD_ID_REFERER_GROUP);
    if (path.data != NULL)
        group_path(at, path, own, !of_caller);
}

/* All fields but the group, of an event whose path is of a shape that leaves nothing to rules. */
static void tell_fields(const struct derive_rules *rules, const struct derive_shape *shape,
                        struct slice path, size_t front_len, bool has_tenant, struct slice event,
                        struct parsed_event *parsed)
{
    if (!has_tenant)
        tell(rules, shape, DERIVED_TENANT, FIELD_ID_TENANT, path, front_len, event, parsed);
    tell(rules, shape, DERIVED_URL_GROUP, FIELD_ID_URL_GROUP, path, front_len, event, parsed);
    tell(rules, shape, DERIVED_ROUTE, FIELD_ID_ROUTE, path, front_len, event, parsed);
}

void derive_apply(const struct derive_rules *rules, struct url_scratch *scratch,
                  struct derive_memory *memory, const struct format_context *context,
                  struct slice event, struct parsed_event *parsed)
{
    const struct derive_shape *shape, *own; /* of what rules look at, and of the path */
    struct derive_fields found;
    struct slice path, source, referer;
    size_t front_len = 0, own_front_len;
    bool of_caller = parsed->derive_from == DERIVE_CALLER, has_tenant, alone;

    if (parsed->derive_from == DERIVE_NOTHING)
        return;
    found = find_fields(parsed, context->extra[EXTRA_CALLER], event);
    path = parsed->derive_from == DERIVE_PATH ? found.path : path_of(found.path);
    source = of_caller ? path_of(found.caller) : path;
    referer = path_of(found.referer);
    has_tenant = found.tenant.data != NULL;
    alone = referer.data == NULL && found.user.data == NULL;
    if (memory != NULL)
        derive_memory_use(memory, rules->number);
    shape = find_shape(memory, rules, source, &front_len);
    own = of_caller ? find_shape(memory, rules, path, &own_front_len) : shape;
    if (shape != NULL && (shape->whole || (shape->whole_alone && alone)) &&
        (referer.data == NULL || !rules->referer_group) &&
        (path.data == NULL || (own != NULL && own->group_type != SHAPE_ASK))) {
        tell_fields(rules, shape, source, front_len, has_tenant, event, parsed);
        if (path.data != NULL)
            tell_group(own, path, event, parsed);
    } else {
        struct derivation at = {
            .rules = rules,
            .scratch = scratch,
            .memory = memory,
            .arena = context->arena,
            .event = event,
            .parsed = parsed,
            .texts = {[DERIVE_FROM_PATH] = source,
                      [DERIVE_FROM_REFERER] = referer,
                      [DERIVE_FROM_USER] = found.user},
            .alone = alone,
        };

        use_shape(&at, shape, front_len);
        ask_rules(&at, path, own, has_tenant, of_caller);
    }
}
