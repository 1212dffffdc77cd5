/* query/grammar_test.h -- tests that stand alone and inside functions: i(=text), i(~"regex").
 * Internal to grammar_test.c and grammar_function.c. What a sign begins (= ~ *) is eaten. */
#ifndef DENDRO_QUERY_GRAMMAR_TEST_H
#define DENDRO_QUERY_GRAMMAR_TEST_H

#include "query/parser.h"

enum status parse_words(struct parser *parser, struct filter *filter) WARN_UNUSED;
enum status parse_star(struct parser *parser, struct filter *filter) WARN_UNUSED;
enum status parse_exact(struct parser *parser, struct filter *filter) WARN_UNUSED;
enum status parse_regex(struct parser *parser, struct filter *filter) WARN_UNUSED;
/* A list of values up to the closing bracket; the opening one is eaten. */
enum status parse_value_list(struct parser *parser, struct filter *filter, bool typed) WARN_UNUSED;

/* Is it a name that an opening bracket touches? */
bool at_function(const struct parser *parser);
enum status parse_function(struct parser *parser, struct filter *filter) WARN_UNUSED;

#endif
