/* store/slot.c -- which type a token has, and its text again from the value. */
#include "store/slot.h"

#include "store/kernels/kernels.h"


const uint64_t powers_of_ten[POWERS_OF_TEN_COUNT] = {
    1,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    1000000000,
    10000000000,
    100000000000,
    1000000000000,
    10000000000000,
    100000000000000,
    1000000000000000,
    10000000000000000,
    100000000000000000,
};

enum { INT_DIGITS_MAX = 18, UNIT_LEN_MAX = 3 };

/* Bytes of a text of up to three bytes as one number. */
#define UNIT1(a)       ((uint32_t)(a))
#define UNIT2(a, b)    ((uint32_t)(a) | (uint32_t)(b) << 8)
#define UNIT3(a, b, c) (UNIT2(a, b) | (uint32_t)(c) << 16)

static bool is_unit(const char *text, size_t len)
{
    static const uint32_t units[] = {
        UNIT2('m', 's'), UNIT1('s'), UNIT2('u', 's'), UNIT2('n', 's'), UNIT1('m'), UNIT1('h'),
        UNIT1('d'), UNIT1('b'), UNIT1('B'), UNIT2('k', 'B'), UNIT2('K', 'B'), UNIT2('M', 'B'),
        UNIT2('G', 'B'), UNIT2('k', 'b'), UNIT2('m', 'b'), UNIT2('g', 'b'), UNIT1('k'), UNIT1('K'),
        UNIT1('M'), UNIT1('G'), UNIT3('K', 'i', 'B'), UNIT3('M', 'i', 'B'), UNIT3('G', 'i', 'B'),
    };
    uint32_t unit = 0;

    if (len > UNIT_LEN_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        unit |= (uint32_t)(unsigned char)text[i] << (8 * i);
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (unit == units[i])
            return true;
    return false;
}

static uint64_t low_bits(size_t count)
{
    return count >= 64 ? UINT64_MAX : ((uint64_t)1 << count) - 1;
}

static unsigned leading_ones(uint64_t bits)
{
    return bits == UINT64_MAX ? 64 : (unsigned)__builtin_ctzll(~bits);
}

/* Up to 18 digits that end at `end`; `readable` bytes before it may be read. */
static uint64_t digits_value(const char *end, size_t count, size_t readable)
{
    uint64_t text, value = 0;

    if (count <= 8 && readable >= 8 && count > 0) {
        memcpy(&text, end - 8, sizeof(text));
        return number_of_8(count == 8 ? text : text & (UINT64_MAX << (8 * (8 - count))));
    }
    if (count > 8 && count <= 16) {
        memcpy(&text, end - 8, sizeof(text));
        return digits_value(end - 8, count - 8, readable - 8) * 100000000 + number_of_8(text);
    }
    for (const char *at = end - count; at < end; at++)
        value = value * 10 + (uint64_t)(*at - '0');
    return value;
}

/* A part of an address, `len` digits at `at`, where four bytes may be read. Bits of `bad` are set unless it
 * is 0 to 255 without zeros before it. */
static inline uint32_t part_value(const char *at, uint32_t len, uint32_t *bad)
{
    uint32_t word, value;

    memcpy(&word, at, sizeof(word));
    word = word << ((32 - 8 * len) & 31) >> 8 & 0x0f0f0f; /* hundreds, tens, ones */
    value = (word & 15) * 100 + (word >> 8 & 15) * 10 + (word >> 16);
    *bad |= (len ^ (1u + (value > 9) + (value > 99))) | value >> 8;
    return value;
}

/* No branch depends on how long the parts are: nobody foresees that. */
bool slot_ipv4_readable(const char *text, size_t len, uint64_t digits, uint64_t *value)
{
    uint64_t points = ~digits & low_bits(len), from_second = points & (points - 1);
    uint64_t from_third = from_second & (from_second - 1);
    uint32_t first, second, third, bad = 0, address;

    if (len < 7 || len > 15 || from_third == 0 || (from_third & (from_third - 1)) != 0)
        return false;
    first = (uint32_t)__builtin_ctzll(points);
    second = (uint32_t)__builtin_ctzll(from_second);
    third = (uint32_t)__builtin_ctzll(from_third);
    address = part_value(text, first, &bad) << 24;
    address |= part_value(text + first + 1, second - first - 1, &bad) << 16;
    address |= part_value(text + second + 1, third - second - 1, &bad) << 8;
    address |= part_value(text + third + 1, (uint32_t)len - third - 1, &bad);
    if (bad != 0 || text[first] != '.' || text[second] != '.' || text[third] != '.')
        return false;
    *value = address;
    return true;
}

static bool ipv4_value(struct slice text, uint64_t digits, uint64_t *value)
{
    char room[SLOT_IPV4_READABLE] = {0};

    if (text.len >= sizeof(room))
        return false;
    memcpy(room, text.data, text.len);
    return slot_ipv4_readable(room, text.len, digits, value);
}

/* 0..15, or 16 for what is no digit of the case ('a' or 'A' gives which). */
static unsigned hex_digit(char c, char first_letter)
{
    if (is_digit_byte(c))
        return (unsigned)(c - '0');
    return (unsigned char)(c - first_letter) < 6 ? (unsigned)(c - first_letter) + 10 : 16u;
}

static bool all_hex(struct slice text, char first_letter)
{
    unsigned bad = 0;

    for (size_t i = 0; i < text.len; i++)
        bad |= hex_digit(text.data[i], first_letter) & 16;
    return bad == 0;
}

static bool is_uuid(struct slice text, char first_letter)
{
    if (text.len != 36 || text.data[8] != '-' || text.data[13] != '-' || text.data[18] != '-' ||
        text.data[23] != '-')
        return false;
    return all_hex(slice_first(text, 8), first_letter) &&
           all_hex(slice_sub(text, 9, 4), first_letter) &&
           all_hex(slice_sub(text, 14, 4), first_letter) &&
           all_hex(slice_sub(text, 19, 4), first_letter) &&
           all_hex(slice_sub(text, 24, 12), first_letter);
}

/* Letters of each case in a text of hex digits and dashes: letters have bit 6, lower case bit 5. */
static void letter_cases(struct slice text, bool *upper, bool *lower)
{
    uint64_t upper_bits = 0, lower_bits = 0;

    for (size_t at = 0; at < text.len; at += 8) {
        uint64_t word = 0;

        if (text.len - at >= 8)
            memcpy(&word, text.data + at, 8);
        else
            memcpy(&word, text.data + at, text.len - at);
        lower_bits |= word << 1 & word & 0x4040404040404040u;
        upper_bits |= ~(word << 1) & word & 0x4040404040404040u;
    }
    *upper = upper_bits != 0;
    *lower = lower_bits != 0;
}

enum { UUID_LEN = 36 };
#define UUID_DIGITS 0xfff7bdeffu /* 36 bits without 8, 13, 18 and 23 */

/* Hex digits of one case, `len` even, or a UUID. */
static bool id_kind(struct slice token, uint64_t hex, struct slot_kind *out)
{
    bool uuid = token.len == 36 && (hex & low_bits(36)) == UUID_DIGITS && token.data[8] == '-' &&
                token.data[13] == '-' && token.data[18] == '-' && token.data[23] == '-';
    bool upper, lower;

    if (!uuid && (token.len % 2 != 0 || token.len < 2 * HEX_BYTES_MIN ||
                  token.len > 2 * HEX_BYTES_MAX ||
                  (hex & low_bits(token.len)) != low_bits(token.len)))
        return false;
    letter_cases(token, &upper, &lower);
    if (upper && lower)
        return false;
    *out = (struct slot_kind){uuid ? SLOT_UUID : SLOT_HEX,
                              (uint8_t)((uuid ? 0 : token.len / 2) | (upper ? SLOT_UPPER : 0))};
    return true;
}

/* A number of digits only, with or without a '-' before it. */
static bool int_kind(struct slice digits, bool negative, size_t readable, uint64_t *value,
                     struct slot_kind *out)
{
    bool padded = digits.data[0] == '0' && digits.len > 1;

    if (digits.len > INT_DIGITS_MAX)
        return false;
    *value = digits_value(digits.data + digits.len, digits.len, readable);
    if (negative) {
        if (padded || *value == 0)
            return false; /* "-0", "-01" */
        *value = 0 - *value;
    }
    *out = padded ? (struct slot_kind){SLOT_PADDED, (uint8_t)digits.len}
                  : (struct slot_kind){SLOT_INT, 0};
    return true;
}

/* digits '.' digits; the integer part is padded to `param` digits if it begins with a zero. */
static bool decimal_kind(struct slice text, size_t whole, size_t fraction, uint64_t *value,
                         struct slot_kind *out)
{
    uint64_t mantissa;

    if (fraction == 0 || whole + fraction > DECIMAL_DIGITS_MAX)
        return false;
    mantissa = digits_value(text.data + whole, whole, whole) * powers_of_ten[fraction] +
               digits_value(text.data + whole + 1 + fraction, fraction, whole + 1 + fraction);
    *value = decimal_make(mantissa, (unsigned)fraction);
    *out = (struct slot_kind){SLOT_DECIMAL,
                              text.data[0] == '0' && whole > 1 ? (uint8_t)whole : 0};
    return true;
}

/* A number from the start of the token to its end or to a unit. */
static bool number_kind(struct slice token, struct token_bits bits, size_t *used, uint64_t *value,
                        struct slot_kind *out)
{
    size_t start = token.data[0] == '-', whole = leading_ones(bits.digits >> start), end, fraction;

    if (whole > token.len - start)
        whole = token.len - start;
    end = start + whole;
    if (whole == 0)
        return false;
    if (end == token.len || is_unit(token.data + end, token.len - end)) {
        *used = end;
        return int_kind(slice_sub(token, start, whole), start == 1,
                        bits.readable - (token.len - end), value, out);
    }
    if (start == 1 || token.data[end] != '.')
        return false;
    fraction = end + 1 < 64 ? leading_ones(bits.digits >> (end + 1)) : 0;
    if (fraction > token.len - end - 1)
        fraction = token.len - end - 1;
    end += 1 + fraction;
    if (end == token.len || is_unit(token.data + end, token.len - end)) {
        *used = end;
        return decimal_kind(token, whole, fraction, value, out);
    }
    *out = (struct slot_kind){SLOT_IPV4, 0};
    return ipv4_value(token, bits.digits, value);
}

struct slot_kind slot_classify_bits(struct slice token, struct token_bits bits, size_t *used,
                                    uint64_t *value)
{
    struct slot_kind kind = {SLOT_TEXT, TEXT_TOKEN};
    bool numeric = token.len > 0 && ((bits.digits & 1) != 0 || token.data[0] == '-');

    *used = token.len;
    if (numeric && number_kind(token, bits, used, value, &kind))
        return kind;
    *used = token.len;
    kind = (struct slot_kind){SLOT_TEXT, TEXT_TOKEN};
    if ((bits.hex & 1) != 0)
        (void)id_kind(token, bits.hex, &kind);
    return kind;
}

static bool classifies_as(struct slot_kind kind, size_t used, struct slice token,
                          struct token_bits bits, uint64_t *value)
{
    size_t got_used;
    struct slot_kind got = slot_classify_bits(token, bits, &got_used, value);

    return slot_kind_equal(got, kind) && got_used == used;
}

/* `len` bytes are digits and nothing else, or digits '.' digits. */
static bool expect_number(struct slot_kind kind, size_t len, struct slice token,
                          struct token_bits bits, uint64_t *value)
{
    uint64_t digits = bits.digits & low_bits(token.len);
    size_t whole = leading_ones(digits), fraction;
    struct slot_kind got;

    if (kind.type != SLOT_DECIMAL)
        return whole == len && int_kind(slice_first(token, len), false,
                                        bits.readable - (token.len - len), value, &got) &&
               slot_kind_equal(got, kind);
    if (whole == 0 || whole + 1 >= len || len >= 64 || token.data[whole] != '.')
        return false;
    fraction = leading_ones(digits >> (whole + 1));
    return whole + 1 + fraction == len && decimal_kind(token, whole, fraction, value, &got) &&
           slot_kind_equal(got, kind);
}

/* Could the token be a number, and not the id that its hex digits look like? Up to 18 digits are one
 * with nothing or with a unit behind them. */
static bool may_be_number(struct slice token, uint64_t digits)
{
    return token.len - leading_ones(digits & low_bits(token.len)) <= UNIT_LEN_MAX;
}

/* A number begins with a digit, or with '-' and one. It has at most four bytes that are no digits: a point or
 * that '-', and a unit; the second of them is no point, but for the three of an address. An id that is no
 * UUID is hex digits only. */
bool slot_surely_text(struct slice token, struct token_bits bits)
{
    uint64_t inside = low_bits(token.len), first = ~bits.digits & inside;
    uint64_t second = first & (first - 1), third = second & (second - 1);
    uint64_t fourth = third & (third - 1), fifth = fourth & (fourth - 1);

    if ((bits.hex & inside) == inside || token.len == UUID_LEN)
        return false;
    if (fifth != 0 || ((first & 1) != 0 && (token.data[0] != '-' || (first & 2) != 0)))
        return true;
    return second != 0 && token.data[__builtin_ctzll(second)] == '.' &&
           (third == 0 || fourth != 0);
}

bool slot_expect_bits(struct slot_kind kind, size_t unit_len, struct slice token,
                      struct token_bits bits, uint64_t *value)
{
    size_t used = token.len - unit_len;
    bool digit = (bits.digits & 1) != 0;
    struct slot_kind got;

    if (token.len <= unit_len)
        return false;
    switch (kind.type) {
    case SLOT_INT:
    case SLOT_PADDED:
    case SLOT_DECIMAL:
        if (digit && used < 64)
            return expect_number(kind, used, token, bits, value);
        break;
    case SLOT_IPV4:
        return unit_len == 0 && ipv4_value(token, bits.digits, value);
    case SLOT_UUID:
    case SLOT_HEX:
        if (unit_len == 0 && !may_be_number(token, bits.digits))
            return (bits.hex & 1) != 0 && id_kind(token, bits.hex, &got) &&
                   slot_kind_equal(got, kind);
        break;
    case SLOT_TEXT: /* ids begin with 8 hex digits */
        if (!digit && token.data[0] != '-' && (bits.hex & 0xff) != 0xff)
            return unit_len == 0 && kind.param == TEXT_TOKEN;
        break;
    default:
        return false;
    }
    return classifies_as(kind, used, token, bits, value);
}

struct slot_kind slot_classify(struct slice token, size_t *used, uint64_t *value)
{
    struct token_bits bits = {.readable = token.len};

    for (size_t i = 0; i < token.len && i < 64; i++) {
        bits.digits |= (uint64_t)is_digit_byte(token.data[i]) << i;
        bits.hex |= (uint64_t)is_hex_byte(token.data[i]) << i;
    }
    return slot_classify_bits(token, bits, used, value);
}

static size_t write_digits(uint64_t value, char *out)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233"
                                "34353637383940414243444546474849505152535455565758596061626364656667"
                                "6869707172737475767778798081828384858687888990919293949596979899";
    char text[20];
    size_t at = sizeof(text);

    while (value >= 100) {
        at -= 2;
        memcpy(text + at, pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10) {
        at -= 2;
        memcpy(text + at, pairs + value * 2, 2);
    } else {
        text[--at] = (char)('0' + value);
    }
    memcpy(out, text + at, sizeof(text) - at);
    return sizeof(text) - at;
}

static size_t write_padded(uint64_t value, unsigned digits, char *out)
{
    for (unsigned i = digits; i > 0; i--, value /= 10)
        out[i - 1] = (char)('0' + value % 10);
    return digits;
}

static size_t write_decimal(uint64_t value, unsigned padded, char *out)
{
    unsigned scale = decimal_scale(value);
    uint64_t mantissa = decimal_mantissa(value);
    size_t len;

    if (scale >= POWERS_OF_TEN_COUNT) /* only in a damaged page */
        scale = 0;
    len = padded > 0 ? write_padded(mantissa / powers_of_ten[scale], padded, out)
                     : write_digits(mantissa / powers_of_ten[scale], out);
    out[len++] = '.';
    return len + write_padded(mantissa % powers_of_ten[scale], scale, out + len);
}

static size_t write_ipv4(uint64_t value, char *out)
{
    size_t len = 0;

    for (int shift = 24; shift >= 0; shift -= 8) {
        len += write_digits(value >> shift & 255, out + len);
        if (shift > 0)
            out[len++] = '.';
    }
    return len;
}

static size_t write_int(int64_t value, char *out)
{
    if (value >= 0)
        return write_digits((uint64_t)value, out);
    out[0] = '-';
    return 1 + write_digits(-(uint64_t)value, out + 1);
}

size_t slot_write(struct stamp_cache *cache, struct slot_kind kind, uint64_t value, char *out)
{
    switch (kind.type) {
    case SLOT_INT:
        return write_int((int64_t)value, out);
    case SLOT_PADDED:
        return write_padded(value, kind.param, out);
    case SLOT_DECIMAL:
        return write_decimal(value, kind.param, out);
    case SLOT_IPV4:
        return write_ipv4(value, out);
    case SLOT_STAMP:
        stamp_write(cache, kind.param, (int64_t)value, out);
        return stamp_size(kind.param);
    default:
        return 0;
    }
}

/* Eight hex digits as four bytes: the value of each digit, then pairs. Letters have bit 6 set. */
static void read_hex8(const char *text, uint8_t *out)
{
    uint64_t word, pairs;

    memcpy(&word, text, sizeof(word));
    word = (word & 0x0f0f0f0f0f0f0f0fu) + 9 * (word >> 6 & 0x0101010101010101u);
    pairs = (word << 4 | word >> 8) & 0x00ff00ff00ff00ffu;
    out[0] = (uint8_t)pairs;
    out[1] = (uint8_t)(pairs >> 16);
    out[2] = (uint8_t)(pairs >> 32);
    out[3] = (uint8_t)(pairs >> 48);
}

void slot_id_read(struct slot_kind kind, struct slice text, uint8_t *out)
{
    char digits[8] = {'0', '0', '0', '0', '0', '0', '0', '0'};

    if (kind.type == SLOT_UUID) { /* 8-4-4-4-12 */
        read_hex8(text.data, out);
        memcpy(digits, text.data + 9, 4);
        memcpy(digits + 4, text.data + 14, 4);
        read_hex8(digits, out + 4);
        memcpy(digits, text.data + 19, 4);
        memcpy(digits + 4, text.data + 24, 4);
        read_hex8(digits, out + 8);
        read_hex8(text.data + 28, out + 12);
        return;
    }
    for (; text.len >= 8; text = slice_from(text, 8), out += 4)
        read_hex8(text.data, out);
    if (text.len > 0) {
        uint8_t last[4];

        memcpy(digits, text.data, text.len);
        read_hex8(digits, last);
        memcpy(out, last, text.len / 2);
    }
}

/* Letters in a group of eight hex digits, by case; 0 if there are none. */
struct letter_groups {
    uint64_t upper, lower;
};

/* Eight hex digits to four bytes, with a note of their letters. */
static inline uint8_t *take_group(uint64_t word, struct letter_groups *letters, uint8_t *out)
{
    uint64_t letter = word & 0x4040404040404040u;
    uint32_t bytes;

    letters->lower |= word << 1 & letter;
    letters->upper |= ~(word << 1) & letter;
    word = (word & 0x0f0f0f0f0f0f0f0fu) + 9 * (letter >> 6);
    word = (word << 4 | word >> 8) & 0x00ff00ff00ff00ffu;
    word = (word | word >> 8) & 0x0000ffff0000ffffu;
    bytes = (uint32_t)(word | word >> 16);
    memcpy(out, &bytes, sizeof(bytes)); /* little-endian, as all formats here */
    return out + sizeof(bytes);
}

static inline uint64_t load8(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

/* Are the letters of the kind's case? */
static inline bool cases_fit(struct slot_kind kind, bool upper, bool lower)
{
    return (kind.param & SLOT_UPPER) != 0 ? upper && !lower : !upper;
}

static bool uuid_expect(struct slot_kind kind, const char *at, uint64_t hex, uint64_t *out)
{
    char digits[32];
    struct hex_letters letters;

    if ((hex & low_bits(36)) != UUID_DIGITS || at[8] != '-' || at[13] != '-' || at[18] != '-' ||
        at[23] != '-')
        return false;
    memcpy(digits, at, 8);
    memcpy(digits + 8, at + 9, 4);
    memcpy(digits + 12, at + 14, 4);
    memcpy(digits + 16, at + 19, 4);
    memcpy(digits + 20, at + 24, 4);
    memcpy(digits + 24, at + 28, 8);
    letters = kernels()->read_hex32(digits, (uint8_t *)out);
    return cases_fit(kind, letters.all != letters.lower, letters.lower != 0);
}

/* `size` hex digits; what is behind them may be read, too. */
static bool hex_expect(struct slot_kind kind, const char *digits, size_t size, uint64_t *out)
{
    struct letter_groups letters = {0, 0};
    uint8_t *to = (uint8_t *)out;
    size_t at = 0;

    out[(size - 1) / 16] = 0;
    for (; at + 32 <= size; at += 32, to += 16) {
        struct hex_letters found = kernels()->read_hex32(digits + at, to);

        letters.upper |= found.all ^ found.lower;
        letters.lower |= found.lower;
    }
    for (; at + 8 <= size; at += 8)
        to = take_group(load8(digits + at), &letters, to);
    if (at < size)
        (void)take_group(load8(digits + at) & low_bits(8 * (size - at)), &letters, to);
    return cases_fit(kind, letters.upper != 0, letters.lower != 0);
}

bool slot_id_expect(struct slot_kind kind, struct slice token, struct token_bits bits,
                    uint64_t *out)
{
    size_t digits = 2 * (size_t)slot_id_size(kind);

    if (kind.type == SLOT_UUID)
        return token.len == 36 && uuid_expect(kind, token.data, bits.hex, out);
    return token.len == digits && digits > 0 && !may_be_number(token, bits.digits) &&
           (bits.hex & low_bits(digits)) == low_bits(digits) &&
           hex_expect(kind, token.data, digits, out);
}

size_t slot_id_write(struct slot_kind kind, const uint8_t *bytes, char *out)
{
    const char *digits = kind.param & SLOT_UPPER ? "0123456789ABCDEF" : "0123456789abcdef";
    unsigned size = slot_id_size(kind);
    char *at = out;

    for (unsigned i = 0; i < size; i++) {
        if (kind.type == SLOT_UUID && (i == 4 || i == 6 || i == 8 || i == 10))
            *at++ = '-';
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 15];
    }
    return (size_t)(at - out);
}

bool slot_read(struct slot_kind kind, struct slice text, uint64_t *value)
{
    struct slot_kind got;
    size_t used, len;
    int64_t stamp;

    if (kind.type == SLOT_STAMP) {
        bool read = stamp_read(text, 0, &len, &stamp) == kind.param && len == text.len;

        *value = (uint64_t)stamp;
        return read;
    }
    got = slot_classify(text, &used, value);
    return used == text.len && slot_kind_equal(got, kind);
}

bool slot_fits(struct slot_kind kind, struct slice text)
{
    char letter = kind.param & SLOT_UPPER ? 'A' : 'a';
    uint64_t value;

    switch (kind.type) {
    case SLOT_TEXT:
        if (kind.param == TEXT_FREE)
            return true;
        for (size_t i = 0; i < text.len; i++)
            if (!is_token_byte(text.data[i]))
                return false;
        return true;
    case SLOT_UUID:
        return is_uuid(text, letter);
    case SLOT_HEX:
        return text.len == 2 * (size_t)slot_id_size(kind) && all_hex(text, letter);
    default:
        return slot_read(kind, text, &value);
    }
}

static bool may_be_hex(struct slice text, char letter, bool fold, bool dashes)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (fold && letter == 'A' && (unsigned char)(c - 'a') < 26)
            c = (char)(c - 0x20);
        if (hex_digit(c, letter) == 16 && !(dashes && c == '-'))
            return false;
    }
    return true;
}

static bool only_bytes(struct slice text, const char *extra)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_digit_byte(text.data[i]) &&
            (text.data[i] == 0 || strchr(extra, text.data[i]) == NULL))
            return false;
    return true;
}

static size_t count_byte(struct slice text, char byte)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == byte;
    return count;
}

bool slot_may_contain(struct slot_kind kind, struct slice text, bool fold)
{
    char letter = kind.param & SLOT_UPPER ? 'A' : 'a';

    switch (kind.type) {
    case SLOT_INT:
        return text.len <= INT_DIGITS_MAX + 1 && only_bytes(text, "-");
    case SLOT_PADDED:
        return text.len <= kind.param && only_bytes(text, "");
    case SLOT_DECIMAL:
        return text.len <= DECIMAL_DIGITS_MAX + 1 && count_byte(text, '.') <= 1 &&
               only_bytes(text, ".");
    case SLOT_IPV4:
        return text.len <= 15 && count_byte(text, '.') <= 3 && only_bytes(text, ".");
    case SLOT_UUID:
        return text.len <= 36 && may_be_hex(text, letter, fold, true);
    case SLOT_HEX:
        return text.len <= 2 * (size_t)slot_id_size(kind) && may_be_hex(text, letter, fold, false);
    case SLOT_STAMP:
        return stamp_may_contain(kind.param, text, fold);
    default:
        return slot_fits(kind, text);
    }
}
