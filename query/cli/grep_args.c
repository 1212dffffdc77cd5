/* query/cli/grep_args.c -- a pass over the words with the table's knowledge of which options take a
 * value. */
#include "query/cli/grep.h"

struct words {
    const struct option *rows;
    size_t row_count;
    struct arena *arena;
    char **out;
    int count;
};

static const struct option *find_letter(const struct words *words, char letter)
{
    for (size_t i = 0; i < words->row_count; i++)
        if (words->rows[i].letter == letter && words->rows[i].name != NULL)
            return &words->rows[i];
    return NULL;
}

static bool takes_value(const struct words *words, const char *name)
{
    const struct option_table table = {words->rows, words->row_count, 0};
    const struct option *option = option_find(&table, slice_of(name));

    /* The common options are not in the table; all of them take a value. */
    return option == NULL ? strcmp(name, "help") != 0 && strcmp(name, "version") != 0
                          : option->type != OPTION_BOOL;
}

static bool add(struct words *words, const char *text)
{
    char *copy = arena_copy_text(words->arena, slice_of(text));

    words->out[words->count++] = copy;
    return copy != NULL;
}

static bool is_color_mode(const char *word)
{
    return word != NULL &&
           (strcmp(word, "auto") == 0 || strcmp(word, "always") == 0 || strcmp(word, "never") == 0);
}

/* --name VALUE; `next` is the word behind, which *eaten says to skip. */
static bool add_long(struct words *words, const char *word, const char *next, bool *eaten)
{
    bool color = strcmp(word, "--color") == 0 || strcmp(word, "--colour") == 0;

    if (color && !is_color_mode(next))
        return add(words, "--color=auto");
    *eaten = next != NULL && strchr(word, '=') == NULL && takes_value(words, word + 2);
    return add(words, color ? "--color" : word) && (!*eaten || add(words, next));
}

/* -abc, -m5, -3: digits in front of other letters are context, as in GNU grep. */
static bool add_short(struct words *words, const char *word, const char *next, bool *eaten)
{
    char kept[512] = "-", digits[24] = "-C";
    size_t kept_len = 1, digit_len = 2;

    for (const char *at = word + 1; *at != '\0'; at++) {
        const struct option *option = find_letter(words, *at);

        if (*at >= '0' && *at <= '9') {
            if (digit_len + 1 < sizeof(digits))
                digits[digit_len++] = *at;
            continue;
        }
        if (option != NULL && option->type != OPTION_BOOL) { /* the rest is its value */
            char *value = arena_new(words->arena, char, kept_len + strlen(at) + 1);

            if (value == NULL)
                return false;
            memcpy(value, kept, kept_len);
            memcpy(value + kept_len, at, strlen(at) + 1);
            *eaten = at[1] == '\0' && next != NULL;
            words->out[words->count++] = value;
            return (digit_len == 2 || add(words, digits)) && (!*eaten || add(words, next));
        }
        if (kept_len + 1 < sizeof(kept))
            kept[kept_len++] = *at;
    }
    return (digit_len == 2 || add(words, digits)) && (kept_len == 1 || add(words, kept));
}

char **grep_args(const struct option *rows, size_t row_count, int *argc, char **argv,
                 struct arena *arena)
{
    struct words words = {.rows = rows,
                          .row_count = row_count,
                          .arena = arena,
                          .out = arena_new(arena, char *, (size_t)*argc * 3 + 1)};
    bool flags = true, ok = words.out != NULL;

    for (int i = 0; ok && i < *argc; i++) {
        const char *word = argv[i], *next = i + 1 < *argc ? argv[i + 1] : NULL;
        bool eaten = false;

        if (i == 0 || !flags || word[0] != '-' || word[1] == '\0') {
            ok = add(&words, word);
        } else if (strcmp(word, "--") == 0) {
            flags = false;
            ok = add(&words, word);
        } else if (word[1] == '-') {
            ok = add_long(&words, word, next, &eaten);
        } else {
            ok = add_short(&words, word, next, &eaten);
        }
        i += eaten;
    }
    if (!ok)
        return NULL;
    *argc = words.count;
    return words.out;
}
