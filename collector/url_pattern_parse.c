/* collector/url_pattern_parse.c -- reads the simple part of the syntax of PCRE2, and refuses the
 * rest. */
#include "collector/url_pattern_private.h"

static void class_add(struct item *item, unsigned from, unsigned to)
{
    for (unsigned byte = from; byte <= to; byte++)
        item->bytes[byte >> 6] |= UINT64_C(1) << (byte & 63);
}

static void class_invert(struct item *item)
{
    for (unsigned i = 0; i < 4; i++)
        item->bytes[i] = ~item->bytes[i];
}

static struct item *add_item(struct url_pattern *out, enum item_type type)
{
    struct item *item;

    if (out->item_count == ITEMS_MAX)
        return NULL;
    item = &out->items[out->item_count++];
    *item = (struct item){.type = type};
    out->branches[out->branch_count - 1].count++;
    return item;
}

static bool add_byte(struct url_pattern *out, char byte)
{
    if (out->literal_len == LITERAL_SIZE_MAX)
        return false;
    out->literals[out->literal_len++] = byte;
    return true;
}

/* \d, \w and \s; false for other letters. */
static bool add_named_class(struct item *item, char letter)
{
    switch (letter) {
    case 'd':
        class_add(item, '0', '9');
        return true;
    case 'w':
        class_add(item, '0', '9');
        class_add(item, 'a', 'z');
        class_add(item, 'A', 'Z');
        class_add(item, '_', '_');
        return true;
    case 's':
        class_add(item, '\t', '\r');
        class_add(item, ' ', ' ');
        return true;
    default:
        return false;
    }
}

static bool is_alphanumeric(char c)
{
    return (unsigned char)(c - '0') <= 9 || (unsigned char)((c | 0x20) - 'a') <= 25;
}

/* A letter behind a backslash: \d and its like stand for a class, which begins no range; others for
 * themselves. `from`: the byte, or -1 if the class has been added. */
static bool parse_class_escape(struct slice *rest, struct item *item, int *from)
{
    char letter = rest->data[0];

    *rest = slice_from(*rest, 1);
    *from = (unsigned char)letter;
    if (!is_alphanumeric(letter))
        return true;
    *from = -1;
    return add_named_class(item, letter) &&
           (rest->len <= 1 || rest->data[0] != '-' || rest->data[1] == ']');
}

/* `from` alone, or a range if one stands there. */
static bool parse_class_range(struct slice *rest, struct item *item, unsigned char from)
{
    unsigned char to = from;

    if (rest->len > 2 && rest->data[0] == '-' && rest->data[1] != ']') {
        to = (unsigned char)rest->data[1];
        if (to == '\\' || to == '[' || to < from)
            return false;
        *rest = slice_from(*rest, 2);
    }
    class_add(item, from, to);
    return true;
}

/* Behind the opening bracket, to and with the closing one. */
static bool parse_class(struct slice *rest, struct item *item)
{
    bool invert = rest->len > 0 && rest->data[0] == '^';
    bool first = true;

    *rest = slice_from(*rest, invert ? 1 : 0);
    for (;; first = false) {
        int from;

        if (rest->len < 2)
            return false;
        from = (unsigned char)rest->data[0];
        *rest = slice_from(*rest, 1);
        if (from == ']' && !first)
            break;
        if (from == '[' && (rest->data[0] == ':' || rest->data[0] == '.' || rest->data[0] == '='))
            return false; /* POSIX classes */
        if (from == '\\' && !parse_class_escape(rest, item, &from))
            return false;
        if (from >= 0 && !parse_class_range(rest, item, (unsigned char)from))
            return false;
    }
    if (invert)
        class_invert(item);
    return true;
}

static bool take_number(struct slice *rest, uint16_t *out)
{
    unsigned value = 0;
    size_t len = 0;

    while (len < rest->len && len < 4 && (unsigned char)(rest->data[len] - '0') <= 9)
        value = value * 10 + (unsigned)(rest->data[len++] - '0');
    *out = (uint16_t)value;
    *rest = slice_from(*rest, len);
    return len > 0;
}

static bool take_char(struct slice *rest, char c)
{
    if (rest->len == 0 || rest->data[0] != c)
        return false;
    *rest = slice_from(*rest, 1);
    return true;
}

/* + * ? {n} {n,} {n,m}, or nothing; lazy and possessive ones are not simple. */
static bool parse_repeat(struct slice *rest, struct item *item)
{
    item->min = item->max = 1;
    if (take_char(rest, '+')) {
        item->max = REPEAT_MAX;
    } else if (take_char(rest, '*')) {
        item->min = 0;
        item->max = REPEAT_MAX;
    } else if (take_char(rest, '?')) {
        item->min = 0;
    } else if (take_char(rest, '{')) {
        if (!take_number(rest, &item->min))
            return false;
        item->max = item->min;
        if (take_char(rest, ',') && !take_number(rest, &item->max))
            item->max = REPEAT_MAX;
        if (!take_char(rest, '}') || item->max < item->min)
            return false;
    } else {
        return true;
    }
    return rest->len == 0 || (rest->data[0] != '?' && rest->data[0] != '+');
}

/* A literal byte at the front: itself, or escaped punctuation. */
static bool take_literal_byte(struct slice *rest, char *out)
{
    if (rest->len == 0)
        return false;
    *out = rest->data[0];
    if (*out == '\\') {
        if (rest->len < 2 || is_alphanumeric(rest->data[1]))
            return false;
        *out = rest->data[1];
        *rest = slice_from(*rest, 2);
        return true;
    }
    if (*out == '\0' || strchr("^$.[|()?*+{", *out) != NULL)
        return false;
    *rest = slice_from(*rest, 1);
    return true;
}

static bool is_repeat(struct slice rest)
{
    return rest.len > 0 && rest.data[0] != '\0' && strchr("?*+{", rest.data[0]) != NULL;
}

/* `a|b|$)` behind an opening parenthesis; false (and nothing changed) if it is not that. */
static bool parse_one_of(struct slice *rest, struct url_pattern *out, struct item *item)
{
    struct slice at = *rest;
    unsigned literal_len = out->literal_len;

    for (;;) {
        unsigned start = out->literal_len;
        char byte;

        if (take_char(&at, '$')) {
            item->or_end = true;
        } else {
            while (take_literal_byte(&at, &byte) && add_byte(out, byte))
                continue;
            if (is_repeat(at) || out->literal_len == start || item->count == ALTERNATIVES_MAX)
                break;
            item->starts[item->count] = (uint16_t)start;
            item->lens[item->count++] = (uint16_t)(out->literal_len - start);
        }
        if (take_char(&at, ')')) {
            *rest = at;
            return !is_repeat(at) && (item->count > 1 || item->or_end);
        }
        if (!take_char(&at, '|'))
            break;
    }
    out->literal_len = literal_len;
    return false;
}

/* Letters by how often they stand in paths, the commonest first; what is not named is rarer. */
static uint16_t rarest_byte(const char *literal, size_t len)
{
    static const char common[] = "/aeiostrncdlpmuhg-_.fbv0123456789";
    size_t best = 0;
    size_t best_rank = 0;

    for (size_t i = 0; i < len; i++) {
        const char *found = memchr(common, literal[i], sizeof(common) - 1);
        size_t rank = found == NULL ? sizeof(common) : (size_t)(found - common);

        if (rank > best_rank) {
            best = i;
            best_rank = rank;
        }
    }
    return (uint16_t)best;
}

static bool parse_literal(struct slice *rest, struct url_pattern *out)
{
    struct item *item;
    unsigned start = out->literal_len;
    char byte;

    for (;;) {
        struct slice at = *rest;

        if (!take_literal_byte(&at, &byte))
            break;
        if (is_repeat(at)) { /* belongs to this byte alone: a class of one */
            if (out->literal_len > start)
                break;
            item = add_item(out, ITEM_CLASS);
            if (item == NULL)
                return false;
            class_add(item, (unsigned char)byte, (unsigned char)byte);
            *rest = at;
            return parse_repeat(rest, item);
        }
        if (!add_byte(out, byte))
            return false;
        *rest = at;
    }
    if (out->literal_len == start)
        return false;
    item = add_item(out, ITEM_LITERAL);
    if (item == NULL)
        return false;
    item->start = (uint16_t)start;
    item->len = (uint16_t)(out->literal_len - start);
    item->rare = rarest_byte(out->literals + start, item->len);
    return true;
}

static bool parse_items(struct slice *rest, struct url_pattern *out, bool inside);

/* Behind an opening parenthesis. Groups are not nested. */
static bool parse_group(struct slice *rest, struct url_pattern *out, bool inside)
{
    bool captures = !slice_starts(*rest, SLICE_LITERAL("?:"));
    uint8_t group = 0;
    struct item *item;

    if (inside)
        return false;
    if (!captures)
        *rest = slice_from(*rest, 2);
    else if (rest->len > 0 && (rest->data[0] == '?' || rest->data[0] == '*'))
        return false;
    if (captures) {
        if (out->group_count + 1 == URL_GROUPS_MAX)
            return false;
        group = (uint8_t)++out->group_count;
        item = add_item(out, ITEM_OPEN);
        if (item == NULL)
            return false;
        item->group = group;
    }
    item = add_item(out, ITEM_ONE_OF);
    if (item == NULL)
        return false;
    if (!parse_one_of(rest, out, item)) {
        out->item_count--;
        out->branches[out->branch_count - 1].count--;
        if (!parse_items(rest, out, true) || !take_char(rest, ')') || is_repeat(*rest))
            return false;
    }
    if (!captures)
        return true;
    item = add_item(out, ITEM_CLOSE);
    if (item == NULL)
        return false;
    item->group = group;
    return true;
}

static bool parse_escape_class(struct slice *rest, struct url_pattern *out)
{
    struct item *item = add_item(out, ITEM_CLASS);

    if (item == NULL || !add_named_class(item, rest->data[1]))
        return false;
    *rest = slice_from(*rest, 2);
    return parse_repeat(rest, item);
}

static bool parse_items(struct slice *rest, struct url_pattern *out, bool inside)
{
    while (rest->len > 0) {
        struct item *item;
        bool parsed;

        if (rest->data[0] == ')' || rest->data[0] == '|' || rest->data[0] == '$')
            return true;
        if (take_char(rest, '(')) {
            parsed = parse_group(rest, out, inside);
        } else if (rest->data[0] == '[' || rest->data[0] == '.') {
            bool any = rest->data[0] == '.';

            item = add_item(out, ITEM_CLASS);
            if (item == NULL)
                return false;
            *rest = slice_from(*rest, 1);
            if (any) {
                class_add(item, '\n', '\n');
                class_invert(item);
            }
            parsed = (any || parse_class(rest, item)) && parse_repeat(rest, item);
        } else if (rest->data[0] == '\\' && rest->len > 1 && is_alphanumeric(rest->data[1])) {
            parsed = parse_escape_class(rest, out);
        } else {
            parsed = parse_literal(rest, out);
        }
        if (!parsed)
            return false;
    }
    return true;
}

static char literal_first(const struct url_pattern *pattern, unsigned start)
{
    return pattern->literals[start];
}

/* Can the items from `index` on, up to `end`, begin with a byte of the class? */
static bool may_begin_with(const struct url_pattern *pattern, unsigned index, unsigned end,
                           const struct item *class)
{
    for (; index < end; index++) {
        const struct item *item = &pattern->items[index];

        switch (item->type) {
        case ITEM_OPEN:
        case ITEM_CLOSE:
            continue;
        case ITEM_LITERAL:
            return class_has(class, (unsigned char)literal_first(pattern, item->start));
        case ITEM_ONE_OF:
            for (unsigned i = 0; i < item->count; i++)
                if (class_has(class, (unsigned char)literal_first(pattern, item->starts[i])))
                    return true;
            return false;
        case ITEM_CLASS:
            for (unsigned i = 0; i < 4; i++)
                if ((item->bytes[i] & class->bytes[i]) != 0)
                    return true;
            if (item->min > 0)
                return false;
            continue;
        }
    }
    return false;
}

static bool is_prefix_free(const struct url_pattern *pattern, const struct item *item)
{
    for (unsigned i = 0; i < item->count; i++)
        for (unsigned j = 0; j < item->count; j++)
            if (i != j && item->lens[i] <= item->lens[j] &&
                memcmp(pattern->literals + item->starts[i], pattern->literals + item->starts[j],
                       item->lens[i]) == 0)
                return false;
    return true;
}

static void find_ranges(struct item *item)
{
    unsigned count = 0;

    for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
        unsigned first = byte;

        if (!item->has[byte])
            continue;
        while (byte < UINT8_MAX && item->has[byte + 1])
            byte++;
        if (count == CLASS_RANGES_MAX)
            return;
        memset(item->range_first[count], (int)first, sizeof(item->range_first[count]));
        memset(item->range_span[count], (int)(byte - first), sizeof(item->range_span[count]));
        count++;
    }
    item->range_count = (uint8_t)count;
}

/* What matching wants to know of a class that is complete. */
static void finish_class(struct item *item)
{
    unsigned missing = 0;

    item->all_but = -1;
    for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
        item->has[byte] = class_has(item, (unsigned char)byte);
        if (!item->has[byte]) {
            missing++;
            item->all_but = (int16_t)byte;
        }
    }
    if (missing != 1)
        item->all_but = -1;
    find_ranges(item);
}

/* No choice in this branch is ever wrong. */
static bool is_deterministic(const struct url_pattern *pattern, const struct branch *branch)
{
    unsigned end = branch->first + branch->count;

    for (unsigned i = branch->first; i < end; i++) {
        const struct item *item = &pattern->items[i];

        if (item->type == ITEM_CLASS && item->min != item->max &&
            may_begin_with(pattern, i + 1, end, item))
            return false;
        if (item->type == ITEM_ONE_OF && !is_prefix_free(pattern, item))
            return false;
    }
    return branch->count > 0 || branch->at_start;
}

/* Bytes that the items of a branch eat at least. */
static unsigned branch_len_min(const struct url_pattern *pattern, const struct branch *branch)
{
    unsigned len = 0;

    for (unsigned i = 0; i < branch->count; i++) {
        const struct item *item = &pattern->items[branch->first + i];

        if (item->type == ITEM_LITERAL)
            len += item->len;
        if (item->type == ITEM_CLASS)
            len += item->min;
    }
    return len;
}

bool url_pattern_parse(struct slice text, struct url_pattern *out)
{
    struct slice rest = text;

    for (;;) {
        struct branch *branch;

        if (out->branch_count == BRANCHES_MAX)
            return false;
        branch = &out->branches[out->branch_count++];
        *branch = (struct branch){.first = (uint8_t)out->item_count};
        branch->at_start = take_char(&rest, '^');
        if (!parse_items(&rest, out, false))
            return false;
        branch->at_end = take_char(&rest, '$');
        for (unsigned i = branch->first; i < out->item_count; i++)
            if (out->items[i].type == ITEM_CLASS)
                finish_class(&out->items[i]);
        if (!is_deterministic(out, branch))
            return false;
        out->len_min = out->branch_count == 1 ? branch_len_min(out, branch) : 0;
        if (rest.len == 0)
            return true;
        if (!take_char(&rest, '|'))
            return false;
    }
}
