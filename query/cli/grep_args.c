/* query/cli/grep_args.c -- a pass over the words with the table's knowledge of which options take a
 * value. */
#include "query/cli/grep.h"

struct rewriting {
    const struct command_line *line;
    struct arena *arena;
    char **words; /* so far */
    int count;
};

static const struct option *find_letter(const struct rewriting *out, char letter)
{
    for (size_t i = 0; i < out->line->row_count; i++)
        if (out->line->rows[i].letter == letter && out->line->rows[i].name != NULL)
            return &out->line->rows[i];
    return NULL;
}

static bool takes_value(const struct rewriting *out, const char *name)
{
    const struct option_table table = {out->line->rows, out->line->row_count, 0};
    const struct option *option = option_find(&table, slice_of(name));

    /* The common options are not in the table; all of them take a value. */
    return option == NULL ? strcmp(name, "help") != 0 && strcmp(name, "version") != 0
                          : option->type != OPTION_BOOL;
}

static bool add(struct rewriting *out, const char *text)
{
    char *copy = arena_copy_text(out->arena, slice_of(text));

    out->words[out->count++] = copy;
    return copy != NULL;
}

static bool is_color_mode(const char *word)
{
    return word != NULL &&
           (strcmp(word, "auto") == 0 || strcmp(word, "always") == 0 || strcmp(word, "never") == 0);
}

/* --name VALUE; `next` is the word behind, which *eaten says to skip. */
static bool add_long(struct rewriting *out, const char *word, const char *next, bool *eaten)
{
    bool color = strcmp(word, "--color") == 0 || strcmp(word, "--colour") == 0;

    if (color && !is_color_mode(next))
        return add(out, "--color=auto");
    *eaten = next != NULL && strchr(word, '=') == NULL && takes_value(out, word + 2);
    return add(out, color ? "--color" : word) && (!*eaten || add(out, next));
}

/* -abc, -m5, -3: digits in front of other letters are context, as in GNU grep. */
static bool add_short(struct rewriting *out, const char *word, const char *next, bool *eaten)
{
    char kept[512] = "-", digits[24] = "-C";
    size_t kept_len = 1, digit_len = 2;

    for (const char *at = word + 1; *at != '\0'; at++) {
        const struct option *option = find_letter(out, *at);

        if (*at >= '0' && *at <= '9') {
            if (digit_len + 1 < sizeof(digits))
                digits[digit_len++] = *at;
            continue;
        }
        if (option != NULL && option->type != OPTION_BOOL) { /* the rest is its value */
            char *value = arena_new(out->arena, char, kept_len + strlen(at) + 1);

            if (value == NULL)
                return false;
            memcpy(value, kept, kept_len);
            memcpy(value + kept_len, at, strlen(at) + 1);
            *eaten = at[1] == '\0' && next != NULL;
            out->words[out->count++] = value;
            return (digit_len == 2 || add(out, digits)) && (!*eaten || add(out, next));
        }
        if (kept_len + 1 < sizeof(kept))
            kept[kept_len++] = *at;
    }
    return (digit_len == 2 || add(out, digits)) && (kept_len == 1 || add(out, kept));
}

bool grep_args(const struct command_line *line, struct cli_words *words, struct arena *arena)
{
    struct rewriting out = {.line = line,
                            .arena = arena,
                            .words = arena_new(arena, char *, (size_t)words->count * 3 + 1)};
    bool flags = true, ok = out.words != NULL;

    for (int i = 0; ok && i < words->count; i++) {
        const char *word = words->items[i];
        const char *next = i + 1 < words->count ? words->items[i + 1] : NULL;
        bool eaten = false;

        if (i == 0 || !flags || word[0] != '-' || word[1] == '\0') {
            ok = add(&out, word);
        } else if (strcmp(word, "--") == 0) {
            flags = false;
            ok = add(&out, word);
        } else if (word[1] == '-') {
            ok = add_long(&out, word, next, &eaten);
        } else {
            ok = add_short(&out, word, next, &eaten);
        }
        i += eaten;
    }
    *words = (struct cli_words){out.count, out.words};
    return ok;
}
