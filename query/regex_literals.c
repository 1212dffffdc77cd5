/* query/regex_literals.c -- the texts that every match of a pattern contains, so that the store can
 * leave out most rows before a regex sees them.
 *
 * The reader understands the common part of the syntax (texts, escapes, classes, groups,
 * alternatives, quantifiers). What it does not understand ends the literal before it, or makes it
 * give up: the answer may only be too weak, never too strong. */
#include "query/limits.h"
#include "query/regex.h"

enum { LITERAL_SIZE_MIN = 2, LITERALS_MAX = 32, BRANCHES_MAX = 64, GROUP_DEPTH_MAX = 16 };

struct reader {
    struct slice pattern;
    size_t at;
    bool fold_case, gave_up;
    bool weaker; /* something of the pattern is not in the needs */
    bool placed; /* a match depends on what stands around it */
    bool choosy; /* something matches some bytes only, or some number of them; .* does not */
    field_id field;
    struct arena *arena;
    unsigned depth;
    char *room;     /* texts are put here one behind the other */
    size_t room_len;
};

/* The needs of one branch: children of an AND. */
struct needs {
    const struct predicate *children[LITERALS_MAX];
    uint32_t count;
    size_t run_start; /* the text being collected is room[run_start, room_len) */
};

static const struct predicate *read_branches(struct reader *reader);

static bool at_end(const struct reader *reader)
{
    return reader->at >= reader->pattern.len;
}

static char peek(const struct reader *reader)
{
    return at_end(reader) ? '\0' : reader->pattern.data[reader->at];
}

static struct predicate *make(struct reader *reader, enum predicate_kind kind)
{
    struct predicate *made = arena_new(reader->arena, struct predicate, 1);

    if (made == NULL)
        reader->gave_up = true;
    else
        made->kind = kind;
    return made;
}

static void add_need(struct reader *reader, struct needs *needs, const struct predicate *need)
{
    if (need != NULL && needs->count < LITERALS_MAX)
        needs->children[needs->count++] = need;
    else
        reader->weaker = true;
}

/* What was collected is a whole text: need it if it is long enough. */
static void end_run(struct reader *reader, struct needs *needs)
{
    size_t len = reader->room_len - needs->run_start;
    struct predicate *need;

    if (len >= LITERAL_SIZE_MIN) {
        need = make(reader, PRED_TEXT);
        if (need != NULL) {
            need->match = TEXT_SUBSTRING;
            need->field = reader->field;
            need->fold_case = reader->fold_case;
            need->text = (struct slice){reader->room + needs->run_start, len};
        }
        add_need(reader, needs, need);
    } else {
        reader->weaker |= len > 0;
    }
    needs->run_start = reader->room_len;
}

/* How often what stands before may occur. Eats the quantifier. */
enum occurs { OCCURS_ONCE, OCCURS_MAYBE_NOT, OCCURS_AGAIN };

static enum occurs read_quantifier(struct reader *reader)
{
    char c = peek(reader);
    enum occurs occurs = c == '+' ? OCCURS_AGAIN : OCCURS_MAYBE_NOT;

    if (c == '{') { /* {n,m}: any count. Another brace stands for itself: too rare to read on */
        do
            reader->at++;
        while (peek(reader) == ',' || (peek(reader) >= '0' && peek(reader) <= '9'));
        reader->gave_up |= peek(reader) != '}';
    } else if (c != '+' && c != '*' && c != '?') {
        return OCCURS_ONCE;
    }
    reader->weaker = true;
    if (!at_end(reader))
        reader->at++;
    reader->placed |= peek(reader) == '+'; /* what it gives not back in one text, it may in another */
    if (peek(reader) == '?' || peek(reader) == '+') /* lazy, possessive */
        reader->at++;
    return occurs;
}

static void add_byte(struct reader *reader, struct needs *needs, char c)
{
    size_t before = reader->room_len;

    reader->room[reader->room_len++] = c;
    switch (read_quantifier(reader)) {
    case OCCURS_ONCE:
        return;
    case OCCURS_AGAIN:
        break;
    case OCCURS_MAYBE_NOT:
        reader->room_len = before;
        break;
    }
    end_run(reader, needs);
}

static void skip_class(struct reader *reader)
{
    reader->at++; /* [ */
    if (peek(reader) == '^')
        reader->at++;
    if (peek(reader) == ']') /* stands for itself at the front */
        reader->at++;
    while (!at_end(reader) && peek(reader) != ']') {
        if (peek(reader) == '[') { /* [:alpha:] and the like */
            reader->gave_up = true;
            return;
        }
        reader->at += peek(reader) == '\\' ? 2 : 1;
    }
    reader->at++;
}

/* Escapes of one letter that match some byte, or a place between bytes. */
static bool is_class_escape(char c)
{
    return c != '\0' && strchr("dDwWsSbBAzZhHvVNR", c) != NULL;
}

static void read_escape(struct reader *reader, struct needs *needs)
{
    static const char named[] = "nrtf", values[] = "\n\r\t\f";
    const char *found;
    char c;

    reader->at++;
    c = peek(reader);
    reader->at++;
    found = c == '\0' ? NULL : strchr(named, c);
    if (found != NULL) {
        add_byte(reader, needs, values[found - named]);
    } else if (is_class_escape(c)) {
        reader->weaker = true;
        reader->placed |= strchr("bBAzZR", c) != NULL;
        reader->choosy = true;
        end_run(reader, needs);
        (void)read_quantifier(reader);
    } else if (c == '\0' || is_word_byte(c)) {
        reader->gave_up = true; /* \Q, \x41, \p{..}, \1, ... */
    } else {
        add_byte(reader, needs, c);
    }
}

/* "(" has been seen. Leaves `at` behind what introduces the group; false: not understood. */
static bool read_group_start(struct reader *reader)
{
    struct slice rest = slice_from(reader->pattern, reader->at + 1);
    size_t close;

    if (!slice_starts(rest, slice_of("?"))) {
        reader->at++;
        return !slice_starts(rest, slice_of("*"));
    }
    if (slice_starts(rest, slice_of("?:"))) {
        reader->at += 3;
        return true;
    }
    if (slice_starts(rest, slice_of("?P<")) || slice_starts(rest, slice_of("?<"))) {
        if (slice_starts(rest, slice_of("?<=")) || slice_starts(rest, slice_of("?<!")))
            return false;
        close = slice_find_byte(rest, '>');
        reader->at += close == SIZE_MAX ? 1 : close + 2;
        return close != SIZE_MAX;
    }
    return false;
}

static void read_group(struct reader *reader, struct needs *needs)
{
    const struct predicate *inner;

    end_run(reader, needs);
    if (++reader->depth > GROUP_DEPTH_MAX || !read_group_start(reader)) {
        reader->gave_up = true;
        return;
    }
    inner = read_branches(reader);
    reader->depth--;
    if (peek(reader) != ')') {
        reader->gave_up = true;
        return;
    }
    reader->at++;
    needs->run_start = reader->room_len;
    if (read_quantifier(reader) != OCCURS_MAYBE_NOT)
        add_need(reader, needs, inner);
}

static const struct predicate *join_needs(struct reader *reader, enum predicate_kind kind,
                                          const struct predicate *const *children, uint32_t count)
{
    const struct predicate **own;
    struct predicate *made;

    if (count == 0)
        return NULL;
    if (count == 1)
        return children[0];
    own = arena_new(reader->arena, const struct predicate *, count);
    made = make(reader, kind);
    if (own == NULL || made == NULL) {
        reader->gave_up = true;
        return NULL;
    }
    memcpy(own, children, count * sizeof(struct predicate *));
    made->children = own;
    made->child_count = count;
    return made;
}

/* Up to | or ) or the end. NULL: needs nothing. */
static const struct predicate *read_branch(struct reader *reader)
{
    struct needs needs = {.run_start = reader->room_len};

    while (!at_end(reader) && !reader->gave_up) {
        char c = peek(reader);

        if (c == '|' || c == ')')
            break;
        if (c == '\\') {
            read_escape(reader, &needs);
        } else if (c == '(') {
            read_group(reader, &needs);
        } else if (c == '[' || c == '.' || c == '^' || c == '$') {
            reader->weaker = true;
            reader->placed |= c == '^' || c == '$';
            end_run(reader, &needs);
            if (c == '[')
                skip_class(reader);
            else
                reader->at++;
            reader->choosy |= c != '.' || peek(reader) != '*';
            (void)read_quantifier(reader);
        } else if (c == '*' || c == '+' || c == '?' || c == '{') {
            reader->gave_up = true;
        } else {
            reader->at++;
            add_byte(reader, &needs, c);
        }
    }
    end_run(reader, &needs);
    reader->weaker |= needs.count != 1; /* they need not stand one behind the other */
    return join_needs(reader, PRED_AND, needs.children, needs.count);
}

static const struct predicate *read_branches(struct reader *reader)
{
    const struct predicate *branches[BRANCHES_MAX];
    uint32_t count = 0;
    bool free_branch = false; /* one that needs nothing */

    for (;;) {
        const struct predicate *branch = read_branch(reader);

        if (reader->gave_up || count == BRANCHES_MAX) {
            reader->gave_up = true;
            return NULL;
        }
        free_branch |= branch == NULL;
        branches[count++] = branch;
        if (peek(reader) != '|' || at_end(reader))
            break;
        reader->at++;
    }
    return free_branch ? NULL : join_needs(reader, PRED_OR, branches, count);
}

/* Leading (?i), (?s), (?m) and their combinations. */
static void read_options(struct reader *reader)
{
    struct slice rest = reader->pattern;
    size_t close;

    if (!slice_starts(rest, slice_of("(?")))
        return;
    close = slice_find_byte(rest, ')');
    if (close == SIZE_MAX)
        return;
    for (size_t i = 2; i < close; i++) {
        if (strchr("ims", rest.data[i]) == NULL)
            return; /* a group, or an option that the reader will give up on */
        reader->fold_case |= rest.data[i] == 'i';
    }
    reader->at = close + 1;
}

/* The reader's room is in `arena`; false without memory. */
static bool start_reading(struct reader *reader, struct slice pattern, unsigned flags,
                          struct arena *arena)
{
    *reader = (struct reader){.pattern = pattern,
                              .fold_case = (flags & REGEX_FOLD_CASE) != 0,
                              .arena = arena};
    if (pattern.len == 0 || pattern.len > REGEX_PATTERN_SIZE_MAX)
        return false;
    reader->room = arena_new(arena, char, pattern.len + 1);
    return reader->room != NULL;
}

const struct predicate *regex_superset(struct slice pattern, unsigned flags, field_id field,
                                       struct arena *arena, bool *exact)
{
    struct reader reader;
    const struct predicate *needs;

    if (exact != NULL)
        *exact = false;
    if (!start_reading(&reader, pattern, flags, arena))
        return NULL;
    reader.field = field;
    if (flags & REGEX_LITERAL) {
        struct needs whole = {0};

        memcpy(reader.room, pattern.data, pattern.len);
        reader.room_len = pattern.len;
        end_run(&reader, &whole);
        return whole.count == 0 ? NULL : whole.children[0];
    }
    read_options(&reader);
    needs = read_branches(&reader);
    if (reader.gave_up || !at_end(&reader))
        return NULL;
    if (exact != NULL)
        *exact = needs != NULL && !reader.weaker &&
                 (flags & (REGEX_ANCHORED | REGEX_WORD)) == 0;
    return needs;
}

enum call_parts regex_parts(struct slice pattern, unsigned flags, struct arena *arena)
{
    struct reader reader;

    if ((flags & (REGEX_ANCHORED | REGEX_WORD | REGEX_LITERAL)) != 0 ||
        !start_reading(&reader, pattern, flags, arena))
        return PARTS_SAY_NOTHING;
    read_options(&reader);
    (void)read_branches(&reader);
    if (reader.gave_up || !at_end(&reader) || reader.placed)
        return PARTS_SAY_NOTHING;
    return reader.choosy || slice_find_byte(pattern, '\x01') != SIZE_MAX ? PARTS_DECIDE
                                                                         : PARTS_WITH_GAPS;
}
