/* query/parser.h -- what the files of the grammar share: one symbol of look-ahead, places, lists.
 * Internal to grammar*.c. All functions answer with a status; at the first error the parse ends. */
#ifndef DENDRO_QUERY_PARSER_H
#define DENDRO_QUERY_PARSER_H

#include "query/ast.h"
#include "query/lexer.h"
#include "query/limits.h"
#include "query/problem.h"

struct parser {
    struct lexer lexer;
    struct symbol now;      /* the symbol to decide on */
    size_t eaten_end;       /* first byte behind the last eaten symbol */
    unsigned depth;         /* of brackets and subqueries */
    struct slice field;     /* default field: inside field:( ... ) */
    struct arena *arena;
    struct query_problem *problem;
};

/* Eat the symbol. */
enum status parser_advance(struct parser *parser) WARN_UNUSED;
/* Read the symbol again in another mode, and those after it. */
enum status parser_mode(struct parser *parser, enum lexer_mode mode) WARN_UNUSED;
/* Eat `kind` or report that `expected` should stand there. */
enum status parser_expect(struct parser *parser, enum symbol_kind kind,
                          const char *expected) WARN_UNUSED;
enum status parser_wrong(struct parser *parser, const char *expected) WARN_UNUSED;
/* A comparison or range without a field; `hint` shows one with. */
enum status parser_no_field(struct parser *parser, const char *hint) WARN_UNUSED;
enum status parser_no_memory(struct parser *parser) WARN_UNUSED;
/* One level of nesting deeper; give it back by parser->depth--. */
enum status parser_descend(struct parser *parser) WARN_UNUSED;

static inline bool parser_at(const struct parser *parser, enum symbol_kind kind)
{
    return parser->now.kind == kind;
}

/* Is the symbol this bare word (lower or upper case)? */
bool parser_at_word(const struct parser *parser, const char *word);
/* Eat it if it is. */
enum status parser_accept_word(struct parser *parser, const char *word, bool *found) WARN_UNUSED;

/* A token or string. */
enum status parser_text(struct parser *parser, const char *expected,
                        struct slice *out) WARN_UNUSED;
/* A token, a string or a negative number; an instant if `instant`. */
enum status parser_literal(struct parser *parser, bool instant, struct literal *out) WARN_UNUSED;
/* A whole number of at least `least`. */
enum status parser_count(struct parser *parser, uint64_t least, uint64_t *out) WARN_UNUSED;
/* A duration with its unit. */
enum status parser_duration(struct parser *parser, int64_t *out_ns) WARN_UNUSED;
/* a, b, c -- and (a, b, c) */
enum status parser_names(struct parser *parser, struct name_list *out) WARN_UNUSED;
enum status parser_names_in_brackets(struct parser *parser, struct name_list *out) WARN_UNUSED;

/* A list such as a, b, c: what one item is, how many there may be, what stands between them. */
struct list_form {
    enum status (*parse)(struct parser *parser, void *item); /* `item` is zeroed memory */
    size_t item_size;
    uint32_t count_max;
    const char *what; /* "keys": more than 256 keys */
    enum symbol_kind separator;
};
struct item_list {
    void *items; /* in the arena */
    uint32_t count;
};

/* One item or more, and the same in round brackets. */
enum status parser_list(struct parser *parser, const struct list_form *form,
                        struct item_list *out) WARN_UNUSED;
enum status parser_list_in_brackets(struct parser *parser, const struct list_form *form,
                                    struct item_list *out) WARN_UNUSED;
/* Lists grow by doubling in the arena: `items` has room for a power of two. Gives the list with
 * room for a new item, zeroed, or NULL. */
void *parser_grow(struct parser *parser, void *items, uint32_t count, size_t item_size);

/* grammar.c */
enum status parse_filter(struct parser *parser, const struct filter **out) WARN_UNUSED;
/* "(" query ")" */
enum status parse_subquery(struct parser *parser, const struct query_tree **out) WARN_UNUSED;
/* grammar_test.c: what stands behind `field:`, or a test of the line if field is "". */
enum status parse_test(struct parser *parser, struct slice field, size_t at,
                       const struct filter **out) WARN_UNUSED;
enum status parse_selector(struct parser *parser, const struct filter **out) WARN_UNUSED;
struct filter *filter_new(struct parser *parser, enum filter_kind kind, size_t at);

/* `child`, negated; what is negated already loses that: `!!x` is x, however often. */
enum status filter_not(struct parser *parser, const struct filter *child, size_t at,
                       const struct filter **out) WARN_UNUSED;
/* grammar_time.c: what stands behind `_time:`. */
enum status parse_time(struct parser *parser, size_t at, const struct filter **out) WARN_UNUSED;
/* A time, or how long ago: the range that begins there. */
enum status parse_since(struct parser *parser, const struct time_filter **out) WARN_UNUSED;
/* grammar_pipe.c, grammar_stats.c, grammar_math.c */
enum status parse_pipe(struct parser *parser, struct pipe *out) WARN_UNUSED;
enum status parse_stats(struct parser *parser, struct pipe *out) WARN_UNUSED;
bool is_stats_name(struct slice name);
enum status parse_math(struct parser *parser, struct pipe *out) WARN_UNUSED;

#endif
