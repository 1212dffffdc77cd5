/* query/lexer.h -- the text of a query as symbols, each with its place.
 *
 * The language has one irregularity: colons belong to an instant (2026-03-02T14:05) but otherwise
 * separate field and test, and math reads `a/b` as a division. The parser knows which applies and
 * asks again from the same byte with another mode.
 * Thread safety: one thread at a time per lexer. */
#ifndef DENDRO_QUERY_LEXER_H
#define DENDRO_QUERY_LEXER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include "query/problem.h"

#include <stdbool.h>
#include <stddef.h>

enum symbol_kind {
    SYMBOL_END,
    SYMBOL_TOKEN,  /* bare word; `text` is as written */
    SYMBOL_STRING, /* quoted; `text` is what the quotes mean */
    SYMBOL_LEFT, SYMBOL_RIGHT,                     /* ( ) */
    SYMBOL_LEFT_BRACKET, SYMBOL_RIGHT_BRACKET,     /* [ ] */
    SYMBOL_LEFT_BRACE, SYMBOL_RIGHT_BRACE,         /* { } */
    SYMBOL_BAR, SYMBOL_COMMA, SYMBOL_COLON, SYMBOL_STAR, SYMBOL_MINUS, SYMBOL_BANG,
    SYMBOL_EQUAL, SYMBOL_NOT_EQUAL,                /* = == != */
    SYMBOL_MATCH, SYMBOL_NOT_MATCH,                /* ~ or =~, !~ */
    SYMBOL_LESS, SYMBOL_LESS_EQUAL, SYMBOL_GREATER, SYMBOL_GREATER_EQUAL,
    SYMBOL_AND, SYMBOL_OR,                         /* && || */
    SYMBOL_PLUS, SYMBOL_SLASH, SYMBOL_PERCENT, SYMBOL_CARET, /* in math only */
};

struct symbol {
    enum symbol_kind kind;
    bool spaced; /* white space or a comment stands before it */
    size_t at, length;
    struct slice text;
};

enum lexer_mode {
    LEXER_PLAIN,
    LEXER_INSTANT, /* a token may contain colons */
    LEXER_MATH,    /* + - / % ^ are symbols, a token is a name or a number */
};

struct lexer {
    struct slice text;
    size_t at; /* next byte to read */
    enum lexer_mode mode;
    struct arena *arena; /* for strings with escapes; outlives the symbols */
    struct query_problem *problem;
};

/* The next symbol. INVALID with `problem` set: a byte that starts nothing, a string that does not
 * end, an unknown escape. */
enum status lexer_next(struct lexer *lexer, struct symbol *out) WARN_UNUSED;
/* Can `text` stand as a bare token and be read back as itself? */
bool lexer_is_token(struct slice text);
/* Append `text` as a string in quotes that reads back as itself; false: no room. */
bool lexer_quote(struct buf *out, struct slice text);
/* The symbol as the user sees it, for messages: "end of query", "\")\"". Static or in `room`. */
const char *symbol_show(const struct symbol *symbol, struct slice query, char room[48]);

#endif
