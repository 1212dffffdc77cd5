/* shipper/identity.c -- hashes and comparisons; nothing here reads a file.
 *
 * name_to_handle_at(2) gives the inode generation without privilege; three create and delete
 * rounds on ext4 gave the same inode number with three generations. */
#include "shipper/identity.h"

#include "base/hash.h"
#include "shipper/limits.h"

/* Seeds keep equal bytes in different roles from having equal hashes. */
enum { SEED_PREFIX = 1, SEED_GEN_ID = 2, SEED_GEN_TEXT = 3 };

const char *reset_reason_name(enum reset_reason reason)
{
    static const char *const names[RESET_COUNT] = {"none", "replaced", "shorter", "tail",
                                                   "refused"};

    return reason < RESET_COUNT ? names[reason] : "unknown";
}

struct file_key file_key_of(const struct io_info *info)
{
    return (struct file_key){.fsid = info->fsid,
                             .inode = info->inode,
                             .generation = info->generation,
                             .birth_ns = info->birth_ns};
}

bool file_key_equal(const struct file_key *a, const struct file_key *b)
{
    if (a->fsid != b->fsid || a->inode != b->inode)
        return false;
    if (a->generation != 0 && b->generation != 0)
        return a->generation == b->generation;
    return a->birth_ns == b->birth_ns || a->birth_ns == 0 || b->birth_ns == 0;
}

uint64_t prefix_hash(struct slice first)
{
    return hash64_seed(first.data, first.len, SEED_PREFIX);
}

bool gen_id_text(struct slice first, struct slice *text)
{
    size_t newline;

    first = slice_first(first, PREFIX_SIZE_MAX);
    newline = slice_find_byte(first, '\n');
    if (newline == SIZE_MAX && first.len < PREFIX_SIZE_MAX)
        return false;
    *text = newline == SIZE_MAX ? first : slice_first(first, newline + 1);
    return true;
}

void gen_id_make(const char *host, const struct file_key *key, struct slice text,
                 uint8_t out[GEN_ID_SIZE])
{
    struct slice host_text = slice_of(host);
    uint64_t parts[] = {
        hash64_seed(host_text.data, host_text.len, SEED_GEN_ID),
        key->fsid,
        key->inode,
        key->generation != 0 ? key->generation : (uint64_t)key->birth_ns,
        hash64_seed(text.data, text.len, SEED_GEN_TEXT),
    };
    struct hash128 id = hash128(parts, sizeof(parts), SEED_GEN_ID);

    if (id.low == 0 && id.high == 0)
        id.low = 1; /* all zero means "none" */
    memcpy(out, &id.low, sizeof(id.low));
    memcpy(out + sizeof(id.low), &id.high, sizeof(id.high));
}

bool gen_id_given(const uint8_t gen_id[GEN_ID_SIZE])
{
    static const uint8_t none[GEN_ID_SIZE];

    return memcmp(gen_id, none, GEN_ID_SIZE) != 0;
}

enum reset_reason resume_check(const struct generation *known, const struct file_key *key,
                               uint64_t size, uint64_t position, struct slice before, uint64_t tail)
{
    if (!file_key_equal(&known->key, key))
        return RESET_REPLACED;
    if (size < position)
        return RESET_SHORTER;
    return tail_hash(before) == tail ? RESET_NONE : RESET_TAIL;
}
