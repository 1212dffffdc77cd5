/* store/segment_reader.c -- open a segment, read its pages and strings. All bytes may be
 * damaged: what the directory's hash does not guard is checked page by page. */
#include "store/segment_format.h"

#include "base/byteorder.h"
#include "base/diag.h"
#include "base/hash.h"
#include "base/memory_budget.h"
#include "base/spare.h"
#include "store/block_sources.h"
#include "store/gap_index.h"
#include "store/page_cache.h"
#include "store/page_quarantine.h"
#include "store/segment_cache.h"
#include "store/segment_pattern.h"
#include "store/segment_page_writer.h"
#include "store/segment_rollup.h"
#include "store/id_pool.h"
#include "store/source_table.h"
#include "store/zstd_context.h"

#include <stdio.h>
#include <stdlib.h>

#define DIRECTORY_ARENA_MAX ((size_t)512 << 20)
#define READ_AHEAD_SIZE_MAX ((size_t)8 << 20) /* several times what one head of rows becomes */

struct footer {
    uint64_t region_size[REGION_COUNT];
    uint64_t directory_offset, directory_size, directory_raw_size;
    struct hash128 hash;
};

enum status segment_corrupt(const struct segment *segment, const char *what,
                           struct error *err)
{
    return error_set(err, STATUS_CORRUPT, "segment %s: bad %s", segment->path, what);
}

static enum status no_memory(const struct segment *segment, struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory to read segment %s", segment->path);
}

static enum status check_footer(struct segment *segment, const char *header,
                                const char *bytes, struct error *err)
{
    if (memcmp(header, SEGMENT_MAGIC, 8) != 0 || memcmp(bytes + 120, SEGMENT_END_MAGIC, 8) != 0)
        return segment_corrupt(segment, "magic", err);
    segment->version = get_le32(bytes + 112);
    if (get_le32(header + 8) != segment->version || segment->version < SEGMENT_VERSION_MIN ||
        segment->version > SEGMENT_VERSION)
        return error_set(err, STATUS_INVALID,
                         "segment %s has version %u, this program knows %d to %d",
                         segment->path, segment->version, SEGMENT_VERSION_MIN, SEGMENT_VERSION);
    if (get_le32(header + 12) != 0 || get_le64(bytes + 96) != 0 || get_le64(bytes + 104) != 0 ||
        get_le32(bytes + 116) != 0)
        return segment_corrupt(segment, "reserved bytes", err);
    return STATUS_OK;
}

static enum status read_footer(struct segment *segment, struct footer *footer,
                               struct error *err)
{
    char bytes[SEGMENT_FOOTER_SIZE], header[SEGMENT_HEADER_SIZE];
    struct io_info info;
    uint64_t at = SEGMENT_HEADER_SIZE;
    int done = segment->io->file->info(segment->io, segment->fd, &info);
    enum status status;

    if (done < 0)
        return error_set_errno(err, -done, "cannot look at %s", segment->path);
    if (info.size < SEGMENT_HEADER_SIZE + SEGMENT_FOOTER_SIZE)
        return segment_corrupt(segment, "length", err);
    status = io_read_exact(segment->io, segment->fd, header, sizeof(header), 0, segment->path, err);
    if (status == STATUS_OK)
        status = io_read_exact(segment->io, segment->fd, bytes, sizeof(bytes),
                               info.size - sizeof(bytes), segment->path, err);
    if (status == STATUS_OK)
        status = check_footer(segment, header, bytes, err);
    if (status != STATUS_OK)
        return status;
    segment->seed = get_le64(bytes);
    for (unsigned i = 0; i < REGION_COUNT; i++) {
        footer->region_size[i] = get_le64(bytes + segment_footer_region(i));
        if (footer->region_size[i] > info.size - at)
            return segment_corrupt(segment, "footer", err);
        at += footer->region_size[i];
    }
    footer->directory_offset = get_le64(bytes + 48);
    footer->directory_size = get_le64(bytes + 56);
    footer->directory_raw_size = get_le64(bytes + 64);
    footer->hash = (struct hash128){get_le64(bytes + 72), get_le64(bytes + 80)};
    if (footer->directory_offset != at ||
        footer->directory_size != info.size - SEGMENT_FOOTER_SIZE - at ||
        footer->directory_raw_size > SEGMENT_DIRECTORY_SIZE_MAX)
        return segment_corrupt(segment, "footer", err);
    segment->summary.file_bytes = info.size;
    segment->summary.footer_hash = footer->hash;
    return STATUS_OK;
}

static enum status read_directory(struct segment *segment, const struct footer *footer,
                                  struct error *err)
{
    uint64_t at = SEGMENT_HEADER_SIZE;
    char *stored = malloc(footer->directory_size + 1);
    char *raw = arena_alloc(&segment->arena, 1, 8, footer->directory_raw_size + 1);
    enum status status = STATUS_OK;

    if (stored == NULL || raw == NULL)
        status = no_memory(segment, err);
    else
        status = io_read_exact(segment->io, segment->fd, stored, footer->directory_size,
                               footer->directory_offset, segment->path, err);
    if (status == STATUS_OK &&
        (!hash128_equal(hash128(stored, footer->directory_size, segment->seed), footer->hash) ||
         !zstd_read(slice_make(stored, footer->directory_size), raw, footer->directory_raw_size)))
        status = segment_corrupt(segment, "directory", err);
    free(stored);
    if (status != STATUS_OK)
        return status;
    for (unsigned i = 0; i < REGION_COUNT; i++) {
        segment->region_start[i] = at;
        at += footer->region_size[i];
    }
    return segment_directory_parse(segment, slice_make(raw, footer->directory_raw_size),
                                  footer->region_size, err);
}

static enum status check_numbers(const struct segment *segment, struct error *err)
{
    for (uint32_t i = 0; i < segment->source_count; i++)
        if (segment->sources[i].number == SOURCE_NONE)
            return error_set(err, STATUS_TOO_LARGE, "more than %d sources", SOURCE_COUNT_MAX);
    return STATUS_OK;
}

enum status segment_open(struct io *io, const char *path,
                                const struct segment_names *names, struct segment **out,
                                struct error *err)
{
    struct segment *segment = calloc(1, sizeof(*segment));
    enum memory_class before;
    struct footer footer = {0};
    enum status status;

    if (segment == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory to open segment %s", path);
    before = memory_budget_enter(MEMORY_CATALOG);
    segment->io = io;
    segment->names = names;
    segment->fd = -1;
    segment->arena = arena_empty(DIRECTORY_ARENA_MAX);
    (void)pthread_mutex_init(&segment->offsets_lock, NULL);
    (void)snprintf(segment->path, sizeof(segment->path), "%s", path);
    status = io_open(io, path, IO_READ, &segment->fd, err);
    if (status == STATUS_OK)
        status = read_footer(segment, &footer, err);
    if (status == STATUS_OK)
        status = read_directory(segment, &footer, err);
    if (status == STATUS_OK)
        status = check_numbers(segment, err);
    if (status == STATUS_END) /* the file ends before its footer says */
        status = segment_corrupt(segment, "length", err);
    if (status == STATUS_OK)
        *out = segment;
    else
        segment_close(segment);
    (void)memory_budget_enter(before);
    return status;
}

static size_t page_memory(const struct segment_pool_page *page)
{
    return page->raw_size + (size_t)page->count * sizeof(uint32_t);
}

void segment_close(struct segment *segment)
{
    if (segment == NULL)
        return;
    page_cache_forget(segment);
    for (uint32_t i = 0; segment->pool_pages != NULL && i < segment->pool_page_count; i++) {
        struct text_page *page = atomic_load(&segment->pool_pages[i]);

        if (page == NULL)
            continue;
        segment_cache_drop(page_memory(&segment->pool[i]));
        text_page_release(page);
        free(page);
    }
    for (uint32_t i = 0; segment->offsets != NULL && i < segment->source_count; i++)
        free(segment->offsets[i]);
    free(segment->offsets);
    block_sources_release(segment);
    segment_rollups_release(segment);
    segment_patterns_free(atomic_load(&segment->patterns));
    gap_index_free(atomic_load(&segment->gap_index));
    spare_give(segment->image);
    (void)pthread_mutex_destroy(&segment->offsets_lock);
    io_close(segment->io, &segment->fd);
    arena_release(&segment->arena);
    free(segment);
}

const struct segment_summary *segment_summary_of(const struct segment *segment)
{
    return &segment->summary;
}

uint32_t segment_block_count(const struct segment *segment)
{
    return segment->block_count;
}

void segment_block_info(const struct segment *segment, uint32_t index,
                               struct segment_block_info *out)
{
    const struct segment_block_entry *entry = &segment->blocks[index];

    *out = (struct segment_block_info){
        .rows = entry->row_count,
        .time_min_ns = entry->time_min_ns,
        .time_max_ns = entry->time_max_ns,
        .order_min_ns = entry->order_min_ns,
        .order_max_ns = entry->order_max_ns,
        .samples = entry->samples,
    };
}

uint32_t segment_source_count(const struct segment *segment)
{
    return segment->source_count;
}

void segment_source(const struct segment *segment, uint32_t index,
                           struct segment_source *out)
{
    *out = segment->sources[index].info;
}

uint64_t segment_quarantine(struct segment *segment)
{
    segment->quarantines = true;
    return segment->seed;
}

/* Names of regions, for people: store/README.md. */
static const char *const region_names[] = {"strings", "codes", "numbers", "ids", "texts"};

static const char *region_name(const struct page_ref *page)
{
    return page->region < COUNT_OF(region_names) ? region_names[page->region] : "rollups";
}

void segment_read_ahead(struct segment *segment)
{
    uint64_t size = segment->summary.file_bytes;
    struct error ignored;
    char *image = size > READ_AHEAD_SIZE_MAX ? NULL : spare_take(size);

    if (image != NULL && io_read_exact(segment->io, segment->fd, image, size, 0, segment->path,
                                       &ignored) != STATUS_OK) {
        spare_give(image);
        image = NULL;
    }
    segment->image = image;
}

static bool has_its_hash(const struct segment *segment, const struct page_ref *page,
                         const char *bytes)
{
    uint64_t seed = segment_page_seed(segment->seed, page->region,
                                      page->offset - segment->region_start[page->region]);

    return (uint32_t)hash64_seed(bytes, page->size, seed) == page->hash;
}

static enum status read_once(const struct segment *segment, const struct page_ref *page,
                             char *bytes, struct error *err)
{
    enum status status = io_read_exact(segment->io, segment->fd, bytes, page->size, page->offset,
                                       segment->path, err);

    if (status == STATUS_OK && !has_its_hash(segment, page, bytes))
        status = error_set(err, STATUS_CORRUPT, "other bytes than were written");
    return status;
}

/* The rows are left out either way; the sentence says where and why. */
static enum status bad_page(const struct segment *segment, const struct page_ref *page,
                            const char *why, struct error *err)
{
    return error_set(err, STATUS_CORRUPT, "segment %s: page %u (%s) at byte %llu is damaged: %s",
                     segment->path, page->entry, region_name(page),
                     (unsigned long long)page->offset, why);
}

/* A cable or a controller may have failed once: that is no damage. */
static enum status read_checked(const struct segment *segment, const struct page_ref *page,
                                char *bytes, struct error *err)
{
    struct page_place place = {segment->seed, page->offset};
    struct error why = {0};
    enum status status;

    if (segment->quarantines && page_quarantine_has(place, io_mono_ns(segment->io)))
        return bad_page(segment, page, "it is set aside, and tried again later", err);
    status = read_once(segment, page, bytes, &why);
    if (status != STATUS_OK) {
        status = read_once(segment, page, bytes, &why);
        if (status == STATUS_OK)
            page_quarantine_count_retry();
    }
    if (status == STATUS_OK) {
        page_quarantine_remove(place);
        return STATUS_OK;
    }
    (void)bad_page(segment, page, why.message, err);
    if (segment->quarantines && page_quarantine_add(place, io_mono_ns(segment->io)))
        diag_error("store: %s; its rows are left out of answers", err->message);
    return STATUS_CORRUPT;
}

/* The page in what was read ahead; NULL: it is not there, or must be read once more. */
static char *page_ahead(const struct segment *segment, const struct page_ref *page)
{
    char *bytes = segment->image == NULL ? NULL : segment->image + page->offset;

    return bytes != NULL && has_its_hash(segment, page, bytes) ? bytes : NULL;
}

enum status segment_page_read(const struct segment *segment, const struct page_ref *page,
                             struct arena *arena, struct slice *out, uint64_t *bytes_read,
                             struct error *err)
{
    enum status status = STATUS_OK;
    char *bytes;

    if (page->in_line != NULL || page->size == 0) {
        *out = (struct slice){page->in_line, page->size};
        return STATUS_OK;
    }
    bytes = page_ahead(segment, page);
    if (bytes == NULL) {
        bytes = arena_take(arena, 1, 8, page->size);
        status = bytes == NULL ? no_memory(segment, err) : read_checked(segment, page, bytes, err);
    }
    if (status != STATUS_OK)
        return status;
    if (bytes_read != NULL)
        *bytes_read += page->size;
    *out = slice_make(bytes, page->size);
    return STATUS_OK;
}

struct checking {
    struct segment *segment;
    struct arena arena;
    uint64_t *bytes_read;
    struct error *err;
};

static enum status check_page(struct checking *checking, const struct page_ref *page)
{
    atomic_uchar *checked = &checking->segment->pages_checked[page->entry];
    struct slice bytes;
    enum status status;

    if (page->in_line != NULL || atomic_load_explicit(checked, memory_order_relaxed) != 0)
        return STATUS_OK;
    arena_reset(&checking->arena);
    status = segment_page_read(checking->segment, page, &checking->arena, &bytes,
                              checking->bytes_read, checking->err);
    if (status == STATUS_OK)
        atomic_store_explicit(checked, 1, memory_order_relaxed);
    return status;
}

static enum status check_pool(struct checking *checking)
{
    const struct segment *segment = checking->segment;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < segment->pool_page_count && status == STATUS_OK; i++)
        status = check_page(checking, &segment->pool[i].page);
    return status;
}

static enum status check_ids(struct checking *checking, struct slot_kind kind)
{
    const struct segment *segment = checking->segment;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < segment->ids_count && status == STATUS_OK; i++) {
        const struct segment_ids *ids = &segment->ids[i];
        uint32_t pages = (ids->count + ID_PAGE_COUNT - 1) / ID_PAGE_COUNT;

        if (!slot_kind_equal(ids->kind, kind))
            continue;
        status = check_page(checking, &ids->heads);
        for (uint32_t k = 0; k < pages && status == STATUS_OK; k++)
            status = check_page(checking, &ids->rest[k]);
    }
    return status;
}

static enum status check_section(struct checking *checking, const struct segment_section *section)
{
    const struct segment_family *family = &checking->segment->families[section->family];
    const struct page_ref *page = section->pages;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < family->column_count && status == STATUS_OK; i++) {
        const struct segment_column *column = &family->columns[i];

        for (unsigned k = class_page_count(column->class); k > 0 && status == STATUS_OK; k--)
            status = check_page(checking, page++);
        if (status == STATUS_OK && column->class == CLASS_CODES) {
            status = check_page(checking, &column->list);
            if (status == STATUS_OK)
                status = check_pool(checking);
        } else if (status == STATUS_OK && column->class == CLASS_IDS) {
            status = check_ids(checking, column->kind);
        }
    }
    return status;
}

enum status segment_block_check(struct segment *segment, uint32_t index,
                               uint64_t *bytes_read, struct error *err)
{
    const struct segment_block_entry *entry = &segment->blocks[index];
    struct checking checking = {.segment = segment,
                                .arena = arena_empty(SEGMENT_PAGE_SIZE_MAX),
                                .bytes_read = bytes_read,
                                .err = err};
    atomic_uchar *checked = &segment->blocks_checked[index];
    enum status status = STATUS_OK;

    if (atomic_load_explicit(checked, memory_order_relaxed) != 0)
        return STATUS_OK;
    for (unsigned i = 0; i < BLOCK_PAGE_COUNT && status == STATUS_OK; i++)
        status = check_page(&checking, &entry->pages[i]);
    for (uint32_t i = 0; i < entry->section_count && status == STATUS_OK; i++)
        status = check_section(&checking, &entry->sections[i]);
    if (status == STATUS_OK)
        atomic_store_explicit(checked, 1, memory_order_relaxed);
    arena_release(&checking.arena);
    return status;
}

/* A page of the pool that only its user keeps. */
struct pool_held {
    struct pool_held *next;
    uint32_t index;
    struct text_page page;
};

static enum status decode_pool_page(const struct segment *segment, uint32_t index,
                                    struct text_page *out, struct error *err)
{
    const struct segment_pool_page *entry = &segment->pool[index];
    struct arena arena = arena_empty(SEGMENT_PAGE_SIZE_MAX);
    struct slice bytes;
    enum status status = segment_page_read(segment, &entry->page, &arena, &bytes, NULL, err);

    if (status == STATUS_OK && !text_page_decode(bytes, entry->raw_size, entry->count, out))
        status = segment_corrupt(segment, "page of strings", err);
    arena_release(&arena);
    return status;
}

/* Keep the page in the segment, unless the budget is used up or another thread was faster. */
static bool keep_pool_page(struct segment *segment, uint32_t index, struct text_page *page,
                           const struct text_page **out)
{
    size_t size = page_memory(&segment->pool[index]);
    struct text_page *expected = NULL, *kept;

    if (!segment_cache_keep(size))
        return false;
    kept = malloc(sizeof(*kept));
    if (kept != NULL)
        *kept = *page;
    if (kept != NULL &&
        atomic_compare_exchange_strong(&segment->pool_pages[index], &expected, kept)) {
        *out = kept;
        return true;
    }
    free(kept);
    segment_cache_drop(size);
    return false;
}

enum status segment_pool_page(struct segment *segment, uint32_t index,
                             struct pool_hold *hold, const struct text_page **out,
                             struct error *err)
{
    struct text_page page;
    struct pool_held *held;
    enum status status;

    *out = atomic_load_explicit(&segment->pool_pages[index], memory_order_acquire);
    if (*out != NULL)
        return STATUS_OK;
    for (held = hold->held; held != NULL; held = held->next)
        if (held->index == index) {
            *out = &held->page;
            return STATUS_OK;
        }
    status = decode_pool_page(segment, index, &page, err);
    if (status != STATUS_OK || keep_pool_page(segment, index, &page, out))
        return status;
    held = malloc(sizeof(*held));
    if (held == NULL) {
        text_page_release(&page);
        return no_memory(segment, err);
    }
    *held = (struct pool_held){.next = hold->held, .index = index, .page = page};
    hold->held = held;
    *out = &held->page;
    return STATUS_OK;
}

void pool_hold_release(struct pool_hold *hold)
{
    while (hold->held != NULL) {
        struct pool_held *held = hold->held;

        hold->held = held->next;
        text_page_release(&held->page);
        free(held);
    }
}

enum status segment_pool_string(struct segment *segment, uint32_t number,
                               struct pool_hold *hold, struct slice *out, struct error *err)
{
    uint32_t low = 0, high = segment->pool_page_count;
    const struct text_page *page;
    enum status status;

    if (number >= segment->pool_count)
        return segment_corrupt(segment, "number of a string", err);
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (segment->pool[middle].first <= number)
            low = middle;
        else
            high = middle;
    }
    status = segment_pool_page(segment, low, hold, &page, err);
    if (status == STATUS_OK)
        *out = text_page_string(page, number - segment->pool[low].first);
    return status;
}
