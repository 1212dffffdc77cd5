/* tests/fuzz/fuzz_query.c -- any bytes as a query: parse, print, parse again: the same text again. A
 * problem points into the text. */
#include "query/query.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct query *query)
{
    struct buf once = buf_empty(1 << 24), twice = buf_empty(1 << 24);
    struct query_problem problem = {0};
    struct query *again;

    if (!query_print(query, &once))
        abort();
    if (once.len <= 64 << 10) { /* quotes and names can make it longer than a query may be */
        if (query_parse(buf_slice(&once), &again, &problem) != STATUS_OK)
            abort();
        if (!query_print(again, &twice) || !slice_equal(buf_slice(&once), buf_slice(&twice)))
            abort();
        (void)query_gives_rows(again);
        (void)query_can_tail(again, &problem);
        query_free(again);
    }
    buf_release(&once);
    buf_release(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct query_problem problem = {0};
    struct query *query;

    if (query_parse(slice_make(data, size), &query, &problem) != STATUS_OK) {
        if (problem.code == NULL || problem.at > size || problem.message[0] == '\0')
            abort();
        return 0;
    }
    check_again(query);
    query_free(query);
    return 0;
}
