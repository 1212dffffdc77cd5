/* tests/store/erase_fixture.c -- see the header. */
#include "tests/store/erase_fixture.h"

#include "store/row_set.h"
#include "store/segment_format.h"
#include "tests/support/segment_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct has_filter {
    struct store_filter base;
    struct predicate predicate;
    char text[100];
    atomic_ullong unsure; /* lines */
};

static void free_filter(struct store_filter *filter)
{
    free(filter);
}

static bool give_up(void *user, struct slice text)
{
    struct has_filter *filter = user;

    if (slice_find(text, filter->predicate.text) != SIZE_MAX)
        atomic_fetch_add(&filter->unsure, 1);
    return false;
}

static uint64_t count_unsure(const struct store_filter *filter)
{
    return atomic_load(&((const struct has_filter *)filter)->unsure);
}

enum status fixture_make_filter(void *user, struct store *store, struct slice text,
                                struct store_filter **out, struct error *err)
{
    struct has_filter *filter;

    (void)user;
    (void)store;
    if ((!slice_starts(text, SLICE_LITERAL("has ")) &&
         !slice_starts(text, SLICE_LITERAL("unsure "))) ||
        text.len > 99)
        return error_set(err, STATUS_INVALID, "not a filter: %.*s", SLICE_ARG(text));
    filter = calloc(1, sizeof(*filter));
    assert_non_null(filter);
    memcpy(filter->text, text.data, text.len);
    filter->predicate = (struct predicate){.kind = PRED_TEXT,
                                           .field = FIELD_ID_MSG,
                                           .match = TEXT_SUBSTRING,
                                           .text = slice_of(filter->text + 4)};
    filter->base = (struct store_filter){
        .predicate = &filter->predicate, .undecided = count_unsure, .free = free_filter};
    if (filter->text[0] == 'u') {
        filter->predicate.kind = PRED_CALL;
        filter->predicate.text = slice_of(filter->text + strlen("unsure "));
        filter->predicate.call = give_up;
        filter->predicate.user = filter;
    }
    *out = &filter->base;
    return STATUS_OK;
}

struct store_options fixture_erase_options(struct sim_io *sim)
{
    struct store_options options = fixture_options(sim);

    options.make_filter = fixture_make_filter;
    return options;
}

struct store *fixture_erase_open(struct sim_io *sim)
{
    struct store_options options = fixture_erase_options(sim);
    struct store *store = NULL;
    struct error err = {0};

    if (store_open(&options, &store, &err) != STATUS_OK)
        fail_msg("open: %s", err.message);
    return store;
}

uint64_t fixture_erase(struct store *store, const char *filter)
{
    struct erase_request request = {.filter = slice_of(filter),
                                    .by = SLICE_LITERAL("test"),
                                    .time_min_ns = INT64_MIN,
                                    .time_max_ns = INT64_MAX};
    struct error err = {0};
    uint64_t number = 0;

    if (store_erase(store, &request, &number, &err) != STATUS_OK)
        fail_msg("erase: %s", err.message);
    return number;
}

static bool take_receipt(void *user, const struct erase_receipt *receipt)
{
    *(struct erase_receipt *)user = *receipt;
    return true;
}

struct erase_receipt fixture_last_erasure(struct store *store)
{
    struct erase_receipt receipt = {.number = 0};

    store_erasures(store, take_receipt, &receipt);
    return receipt;
}

/* ---- looking for bytes ---- */

struct search {
    struct io *io;
    const char *text;
    char folder[700];
    uint32_t found;
    struct test_names names;
};

static bool has(const struct search *search, struct slice bytes)
{
    return slice_find(bytes, slice_of(search->text)) != SIZE_MAX;
}

static bool pool_has(struct search *search, struct segment *segment)
{
    bool found = false;

    for (uint32_t i = 0; i < segment->pool_count; i++) {
        struct pool_hold hold = {0};
        struct slice text;
        struct error err = {0};

        assert_int_equal(segment_pool_string(segment, i, &hold, &text, &err), STATUS_OK);
        found = found || has(search, text);
        pool_hold_release(&hold);
    }
    return found;
}

static bool templates_have(struct search *search, const struct segment *segment)
{
    bool found = false;

    for (uint32_t i = 0; i < segment->family_count; i++)
        for (uint32_t k = 0; k < segment->families[i].template_count; k++) {
            const struct segment_template *template =
                &segment->templates[segment->families[i].first_template + k];

            found = found ||
                    has(search, slice_make(template->literals,
                                           template->gap_ends[segment->families[i].slot_count]));
        }
    return found;
}

static bool segment_has(struct search *search, const char *path)
{
    struct segment *segment;
    struct row_set set;
    struct error err = {0};
    bool found;

    if (segment_open(search->io, path, &search->names.segment, &segment, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    found = pool_has(search, segment) || templates_have(search, segment);
    for (uint32_t i = 0; i < segment->field_count; i++)
        found = found || has(search, name_table_name(&search->names.fields, segment->fields[i]));
    row_set_init(&set, (size_t)1 << 30);
    assert_int_equal(row_set_add(&set, segment, NULL, 0, &err), STATUS_OK);
    for (uint64_t i = 0; i < set.row_count; i++)
        found = found || has(search, set.rows[i].event->bytes);
    row_set_release(&set);
    segment_close(segment);
    return found;
}

static bool search_entry(void *user, const char *name)
{
    struct search *search = user;
    struct buf bytes = buf_empty(256 << 20);
    char path[1000], outer[700];
    struct error err = {0};

    (void)snprintf(path, sizeof(path), "%s/%s", search->folder, name);
    if (io_read_file(search->io, path, &bytes, &err) != STATUS_OK) { /* a folder */
        (void)snprintf(outer, sizeof(outer), "%s", search->folder);
        (void)snprintf(search->folder, sizeof(search->folder), "%.690s", path);
        (void)search->io->path->list(search->io, path, search_entry, search);
        (void)snprintf(search->folder, sizeof(search->folder), "%s", outer);
    } else if (has(search, buf_slice(&bytes)) ||
               (strstr(name, ".seg") != NULL && segment_has(search, path))) {
        print_message("  %s has it\n", path);
        search->found++;
    }
    buf_release(&bytes);
    return true;
}

uint32_t fixture_files_with(struct sim_io *sim, const char *text)
{
    struct search search = {.io = sim_io_table(sim), .text = text, .folder = FIXTURE_DIR};

    test_names_init(&search.names);
    (void)search.io->path->list(search.io, FIXTURE_DIR, search_entry, &search);
    test_names_release(&search.names);
    return search.found;
}
