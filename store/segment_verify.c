/* store/segment_verify.c -- every page of a segment is read, every column made, and the rollups are
 * counted again. */
#include "store/segment.h"

#include "store/segment_rollup.h"

/* Every array and column of a block once. */
static enum status verify_block(struct segment_block *block, struct rollup_recount *rollup,
                                struct error *err)
{
    enum status status = STATUS_OK;
    uint32_t count;
    const field_id *fields = block_fields(&block->base, &count);

    if (block_times(&block->base, err) == NULL || block_order_times(&block->base, err) == NULL ||
        block_source_numbers(&block->base, err) == NULL ||
        block_sequences(&block->base, err) == NULL || block_offsets(&block->base, err) == NULL ||
        block_flags(&block->base, err) == NULL)
        return err->status;
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        struct column column;

        status = block_column(&block->base, fields[i], true, &column, err);
    }
    if (status == STATUS_OK)
        status = rollup_recount_block(rollup, block, err);
    return status;
}

/* Hash of every page, also of those that no column leads to. */
static enum status verify_pages(struct segment *segment,
                                void (*visit)(void *user, const char *line), void *user,
                                uint64_t *problems)
{
    struct arena arena = arena_empty(SEGMENT_PAGE_SIZE_MAX);
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < segment->page_count && status != STATUS_NO_MEMORY; i++) {
        struct error problem = {0};
        struct slice bytes;

        arena_reset(&arena);
        status = segment_page_read(segment, &segment->pages[i], &arena, &bytes, NULL, &problem);
        if (status == STATUS_CORRUPT) {
            visit(user, problem.message);
            ++*problems;
        }
    }
    arena_release(&arena);
    return status == STATUS_NO_MEMORY ? status : STATUS_OK;
}

enum status segment_verify(struct segment *segment, void (*visit)(void *user, const char *line),
                           void *user, uint64_t *problems, struct error *err)
{
    uint64_t before = *problems;
    struct rollup_recount rollup;
    struct error problem = {0};
    enum status status;

    if (verify_pages(segment, visit, user, problems) != STATUS_OK)
        return error_set(err, STATUS_NO_MEMORY, "no memory to verify segment %s", segment->path);
    status = rollup_recount_init(&rollup, segment, &problem);
    for (uint32_t i = 0; i < segment->block_count && status == STATUS_OK && *problems == before;
         i++) {
        struct segment_block *block;

        status = segment_block_new(segment, i, &block, &problem);
        if (status != STATUS_OK)
            break;
        status = verify_block(block, &rollup, &problem);
        block_release(&block->base);
    }
    if (status == STATUS_OK && *problems == before)
        status = rollup_recount_compare(&rollup, segment, &problem);
    rollup_recount_release(&rollup);
    if (status == STATUS_NO_MEMORY)
        return error_set(err, status, "%s", problem.message);
    if (status != STATUS_OK) {
        visit(user, problem.message);
        ++*problems;
    }
    return STATUS_OK;
}
