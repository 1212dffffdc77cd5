/* store/slot.h -- the variable parts of lines: types, and the two ways between text and value.
 *
 * slot_classify() gives a type only if slot_write() gives back the same bytes. The value of a slot
 * is 64 bits: the number itself, or, for types that keep bytes (UUID, HEX, TEXT), where they are.
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_SLOT_H
#define DENDRO_STORE_SLOT_H

#include "base/slice.h"
#include "store/stamp.h"

#include <stdbool.h>
#include <stdint.h>

/* Numbers are part of the segment format. */
enum slot_type {
    SLOT_TEXT = 0,    /* param: enum slot_text */
    SLOT_INT = 1,     /* up to 18 digits, no leading zero, '-' allowed before a value > 0 */
    SLOT_PADDED = 2,  /* param digits (up to 18), with leading zeros */
    SLOT_DECIMAL = 3, /* digits '.' digits: mantissa and number of fraction digits; param: digits
                         before the point if the first is a zero and not alone, else 0 */
    SLOT_IPV4 = 4,
    SLOT_UUID = 5,    /* param: enum slot_case */
    SLOT_HEX = 6,     /* param: bytes (4..32), or 0x80 for capitals */
    SLOT_STAMP = 7,   /* param: layout of stamp.h; value in ns */
    SLOT_TYPE_COUNT
};

enum slot_text { TEXT_TOKEN, TEXT_FREE /* may hold any byte */ };
enum { SLOT_UPPER = 0x80, HEX_BYTES_MIN = 4, HEX_BYTES_MAX = 32 };
/* Longest text of a slot that is not SLOT_TEXT: 64 hex digits. */
enum { SLOT_WRITE_MAX = 64 };

/* 10^0 to 10^17: a decimal slot has at most 18 digits. */
enum { POWERS_OF_TEN_COUNT = 18 };
extern const uint64_t powers_of_ten[POWERS_OF_TEN_COUNT];

struct slot_kind {
    uint8_t type; /* enum slot_type */
    uint8_t param;
};

static inline bool slot_kind_equal(struct slot_kind a, struct slot_kind b)
{
    return a.type == b.type && a.param == b.param;
}

/* Bytes of a value that is kept as bytes: 16 for UUID, param for HEX; 0 for other types. */
static inline unsigned slot_id_size(struct slot_kind kind)
{
    if (kind.type == SLOT_UUID)
        return 16;
    return kind.type == SLOT_HEX ? kind.param & 0x7f : 0;
}

/* 64-bit words that keep a value while a segment is made: of TEXT, a reference and a hash; of ids,
 * their bytes. */
static inline unsigned slot_words(struct slot_kind kind)
{
    if (kind.type == SLOT_TEXT)
        return 2;
    return slot_id_size(kind) > 0 ? (slot_id_size(kind) + 7) / 8 : 1;
}

/* The type of a token and its value; `used` bytes of it belong to the slot, the rest (a unit such
 * as "ms") is literal. Never SLOT_STAMP. For UUID, HEX and TEXT the value is not set. */
struct slot_kind slot_classify(struct slice token, size_t *used, uint64_t *value);

/* The same for a caller who has bitmaps: bit i of `digits` and `hex` says whether byte i of the
 * token is a digit or a hex digit; bits from the token's length on do not matter. `readable` bytes
 * before the token's end may be read (at least its length). */
struct token_bits {
    uint64_t digits, hex;
    size_t readable;
};
struct slot_kind slot_classify_bits(struct slice token, struct token_bits bits, size_t *used,
                                    uint64_t *value);

/* The same where the answer is foreseen: does the token have `kind` (not SLOT_STAMP), with the last
 * `unit_len` bytes of it as its unit? Then `value` is set as above. Whether these bytes are a unit is
 * for the caller to know: it compares them with those of a token of which it was true. */
bool slot_expect_bits(struct slot_kind kind, size_t unit_len, struct slice token,
                      struct token_bits bits, uint64_t *value);

/* Is a token of at most 63 bytes surely a text? False: perhaps a number, an address or an id. */
bool slot_surely_text(struct slice token, struct token_bits bits);

/* The text of a number, address or stamp; gives the bytes written, at most SLOT_WRITE_MAX. */
size_t slot_write(struct stamp_cache *cache, struct slot_kind kind, uint64_t value, char *out);
/* Text and bytes of ids. `out` has room for slot_id_size() or SLOT_WRITE_MAX bytes. The text must
 * be of that kind (slot_classify() or slot_fits() said so). */
void slot_id_read(struct slot_kind kind, struct slice text, uint8_t *out);
size_t slot_id_write(struct slot_kind kind, const uint8_t *bytes, char *out);
/* Bytes of a token that slot_expect_bits() would call an id of the kind, if it is one, has `hex` as its
 * bitmap and begins with neither a digit nor anything that makes it a number: false if not. Eight bytes
 * behind the token may be read. `out` has room for slot_id_size() rounded up to 8, and is cleared behind
 * the id. */
bool slot_id_expect(struct slot_kind kind, struct slice token, struct token_bits bits,
                    uint64_t *out);
/* The same of an address; SLOT_IPV4_READABLE bytes at `text` may be read, however short it is. */
enum { SLOT_IPV4_READABLE = 19 };
bool slot_ipv4_readable(const char *text, size_t len, uint64_t digits, uint64_t *value);
/* Is `text` a possible text of the kind, byte for byte? */
bool slot_fits(struct slot_kind kind, struct slice text);
/* Could `text` be a part of a value of the kind (first byte, last byte or middle)? False only if
 * it surely is not. With `fold`, letters of `text` may be of either case. */
bool slot_may_contain(struct slot_kind kind, struct slice text, bool fold);
/* Value of a text that slot_fits() a number, address or stamp; false if it does not fit. */
bool slot_read(struct slot_kind kind, struct slice text, uint64_t *value);

/* Eight digits, first the lowest byte, as a number: pairs, then fours, then all. Bytes of 0 are zeros. */
static inline uint64_t number_of_8(uint64_t text)
{
    text = (text & 0x0f0f0f0f0f0f0f0fu) * 2561 >> 8;         /* 2561 = 10 * 256 + 1 */
    text = (text & 0x00ff00ff00ff00ffu) * 6553601 >> 16;     /* 100 * 65536 + 1 */
    return (text & 0x0000ffff0000ffffu) * 42949672960001 >> 32; /* 10000 * 2^32 + 1 */
}

/* Decimals: 17 digits in 57 bits, the count of fraction digits in the 5 bits below them. */
enum { DECIMAL_DIGITS_MAX = 17, DECIMAL_SCALE_BITS = 5 };

static inline uint64_t decimal_make(uint64_t mantissa, unsigned scale)
{
    return mantissa << DECIMAL_SCALE_BITS | scale;
}

static inline uint64_t decimal_mantissa(uint64_t value)
{
    return value >> DECIMAL_SCALE_BITS;
}

static inline unsigned decimal_scale(uint64_t value)
{
    return (unsigned)(value & ((1u << DECIMAL_SCALE_BITS) - 1));
}

#endif
