/* store/text_stamp.c -- bytes and runs of a page of texts. */
#include "store/text_stamp.h"

#include "base/byteorder.h"

static uint64_t run_bit(size_t len)
{
    return (uint64_t)1 << (len < TEXT_STAMP_RUN_MAX ? len : TEXT_STAMP_RUN_MAX);
}

void text_stamp_make(const struct slice *texts, uint32_t count, uint8_t out[TEXT_STAMP_SIZE])
{
    bool seen[256] = {false}; /* bits that are set one after the other would wait for each other */
    bool is_word[256];        /* letters and digits alternate: a question for each is a wrong guess */
    uint64_t runs = 0;

    for (unsigned byte = 0; byte < sizeof(is_word); byte++)
        is_word[byte] = is_word_byte((char)byte);
    for (uint32_t i = 0; i < count; i++) {
        size_t start = 0, k = 0;

        for (; k < texts[i].len; k++) {
            unsigned char byte = (unsigned char)texts[i].data[k];

            seen[byte] = true;
            if (is_word[byte])
                continue;
            runs |= run_bit(k - start);
            start = k + 1;
        }
        runs |= run_bit(k - start);
    }
    memset(out, 0, TEXT_STAMP_SIZE);
    for (unsigned byte = 0; byte < sizeof(seen); byte++)
        out[byte / 8] |= (uint8_t)(seen[byte] << (byte % 8));
    put_le64(out + TEXT_STAMP_BYTES_SIZE, runs & ~(uint64_t)1); /* what is between two others is no run */
}

static bool has_byte(const uint8_t *stamp, unsigned byte)
{
    return (stamp[byte / 8] >> (byte % 8) & 1) != 0;
}

static bool has_bytes(const uint8_t *stamp, struct slice text, bool fold)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        unsigned char other = fold && (unsigned char)(byte - 'a') < 26 ? byte & 0xdfu : byte;

        if (!has_byte(stamp, byte) && !has_byte(stamp, other))
            return false;
    }
    return true;
}

/* Is the value's run cut off where the text begins (ends)? */
static bool begins_run(const struct needle_term *term)
{
    return term->test == TEST_EQUAL || term->test == TEST_PREFIX || term->left != EDGE_ANY;
}

static bool ends_run(const struct needle_term *term)
{
    return term->test == TEST_EQUAL || term->test == TEST_SUFFIX || term->right != EDGE_ANY;
}

/* Runs inside the text are runs of the value; those at its ends may be parts of longer ones. */
static bool has_runs(uint64_t runs, struct slice text, const struct needle_term *term)
{
    for (size_t at = 0, end; at < text.len; at = end + 1) {
        bool whole;

        for (end = at; end < text.len && is_word_byte(text.data[end]); end++)
            continue;
        if (end == at)
            continue;
        whole = (at > 0 || begins_run(term)) && (end < text.len || ends_run(term));
        if ((runs & (whole ? run_bit(end - at) : ~(run_bit(end - at) - 1))) == 0)
            return false;
    }
    return true;
}

bool text_stamp_may_hold(struct slice stamp, const struct needle *needle,
                         const struct needle_term *term)
{
    const uint8_t *bytes = (const uint8_t *)stamp.data;
    struct slice text = needle_term_text(needle, term);

    return has_bytes(bytes, text, needle->fold) &&
           (stamp.len < TEXT_STAMP_SIZE ||
            has_runs(get_le64(bytes + TEXT_STAMP_BYTES_SIZE), text, term));
}
