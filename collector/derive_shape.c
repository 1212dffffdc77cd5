/* collector/derive_shape.c -- cut a path and find its shape in the table.
 *
 * This is done for every path. Fronts are remembered as they are, so that names are walked over by
 * the set only once; of the rest, slashes and bytes of ids become bits, among which whole segments
 * of id bytes are found. Mostly that is not needed: a rest has the shape of one that began with the
 * same bytes and was as long if it differs from it within ids only, and there by bytes of ids. */
#include "collector/derive_shape.h"

#include "base/byteorder.h"
#include "collector/derive_private.h"
#include "collector/formats/scan.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { FRONT_LEN_MIN = 8 }; /* a word; without a front the name is part of the rest */
static_assert(SHAPE_FRONT_MAX <= 48, "words that same_front() looks at");

/* A bit per byte of a rest, as far as ids are looked for. */
struct rest_bits {
    uint64_t slashes, ids;
};

#ifdef __SSE2__
static inline __m128i are_id_bytes(__m128i bytes)
{
    return _mm_or_si128(_mm_or_si128(in_range(bytes, '0', 9), in_range(bytes, 'a', 5)),
                        _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')));
}

static inline struct rest_bits find_bits(const char rest[SHAPE_REST_MAX])
{
    struct rest_bits bits = {0, 0};

    for (size_t at = 0; at < SHAPE_IDS_MAX; at += 16) {
        const __m128i part = _mm_loadu_si128((const void *)(rest + at));
        const __m128i slashes = _mm_cmpeq_epi8(part, _mm_set1_epi8('/'));
        const __m128i ids = are_id_bytes(part);

        bits.slashes |= (uint64_t)(unsigned)_mm_movemask_epi8(slashes) << at;
        bits.ids |= (uint64_t)(unsigned)_mm_movemask_epi8(ids) << at;
    }
    return bits;
}
#else
static struct rest_bits find_bits(const char rest[SHAPE_REST_MAX])
{
    struct rest_bits bits = {0, 0};

    for (size_t at = 0; at < SHAPE_IDS_MAX; at++) {
        unsigned char byte = (unsigned char)rest[at];

        bits.slashes |= (uint64_t)(byte == '/') << at;
        bits.ids |= (uint64_t)((byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
                               byte == '-')
                    << at;
    }
    return bits;
}
#endif

/* Bytes from `start` on, `len` of them, as bits. */
static inline uint64_t bits_of(size_t start, size_t len)
{
    return (len >= 64 ? UINT64_MAX : (UINT64_C(1) << len) - 1) << start;
}

/* The whole segments that are ids, as bits of their bytes. */
static inline uint64_t find_ids(const char rest[SHAPE_REST_MAX], size_t len)
{
    const struct rest_bits bits = find_bits(rest);
    uint64_t runs = bits.ids, holes = 0;

    /* Where ten in a row begin, and a segment does. */
    runs &= runs >> 1;
    runs &= runs >> 2;
    runs &= runs >> 4;
    runs &= runs >> 2;
    static_assert(SHAPE_ID_MIN == 1 + 1 + 2 + 4 + 2, "what the shifts add up to");
    for (runs &= bits.slashes << 1 | 1; runs != 0; runs &= runs - 1) {
        size_t start = (size_t)__builtin_ctzll(runs);
        uint64_t others = ~bits.ids >> start;
        size_t run = others == 0 ? SHAPE_IDS_MAX - start : (size_t)__builtin_ctzll(others);

        if (start + run == len || rest[start + run] == '/')
            holes |= bits_of(start, run);
    }
    return holes;
}

#ifdef __SSE2__
static inline __m128i load16(const char *bytes)
{
    return _mm_loadu_si128((const void *)bytes);
}

static inline void store16(char *out, __m128i part)
{
    _mm_storeu_si128((void *)out, part);
}
#endif

/* Copy a rest with zeros behind it. Written out, since compilers make a call of a loop, or a string
 * instruction, and both cost more than all of it. */
static inline void copy_rest(char out[SHAPE_REST_MAX], struct slice rest)
{
#ifdef __SSE2__
    static_assert(SHAPE_REST_MAX == 6 * 16, "the pieces below");
    const __m128i zeros = _mm_setzero_si128();

    store16(out, zeros);
    store16(out + 16, zeros);
    store16(out + 32, zeros);
    store16(out + 48, zeros);
    store16(out + 64, zeros);
    store16(out + 80, zeros);
    if (rest.len >= 16) {
        store16(out, load16(rest.data));
        if (rest.len >= 32)
            store16(out + 16, load16(rest.data + 16));
        if (rest.len >= 48)
            store16(out + 32, load16(rest.data + 32));
        if (rest.len >= 64)
            store16(out + 48, load16(rest.data + 48));
        if (rest.len >= 80)
            store16(out + 64, load16(rest.data + 64));
        store16(out + rest.len - 16, load16(rest.data + rest.len - 16));
        return;
    }
    if (rest.len >= 8) {
        put_le64(out, get_le64(rest.data));
        put_le64(out + rest.len - 8, get_le64(rest.data + rest.len - 8));
        return;
    }
    for (size_t at = 0; at < rest.len; at++)
        out[at] = rest.data[at];
#else
    memset(out, 0, SHAPE_REST_MAX);
    if (rest.len > 0)
        memcpy(out, rest.data, rest.len);
#endif
}

#define FACTOR_1 UINT64_C(0x9e3779b97f4a7c15)
#define FACTOR_2 UINT64_C(0xd6e8feb86659fd93)
#define FACTOR_3 UINT64_C(0xa0761d6478bd642f)
#define FACTOR_4 UINT64_C(0xe7037ed1a0b428db)

static inline uint32_t mix(uint64_t hash)
{
    return (uint32_t)((hash ^ hash >> 29) * UINT64_C(0xbf58476d1ce4e5b9) >> 32);
}

/* Zeros for the bytes of holes, which are ten or more in a row each. */
static inline void clear_holes(char rest[SHAPE_REST_MAX], uint64_t holes)
{
    while (holes != 0) {
        size_t start = (size_t)__builtin_ctzll(holes);
        uint64_t others = ~holes >> start;
        size_t end = others == 0 ? SHAPE_IDS_MAX : start + (size_t)__builtin_ctzll(others);

        for (size_t at = start; at + 8 < end; at += 8)
            memset(rest + at, 0, 8);
        memset(rest + end - 8, 0, 8);
        holes &= ~bits_of(start, end - start);
    }
}

/* ---- fronts ---- */

static bool is_name(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= ':') && c != '-' && c != '.' && c != '_')
            return false;
    }
    return text.len > 0;
}

/* "/a/name/": its length, and that of what is in front of the name; 0: the path has none. */
static inline size_t find_front(struct slice path, size_t *head_len)
{
    size_t at = 1, slash;

    if (path.len < FRONT_LEN_MIN || path.data[0] != '/')
        return 0;
    while (at < SHAPE_HEAD_MAX && path.data[at] != '/')
        at++;
    if (at == SHAPE_HEAD_MAX)
        return 0;
    *head_len = at + 1;
    slash = find_byte(slice_sub(path, at + 1, SHAPE_NAME_MAX + 1), '/');
    return slash == SIZE_MAX || slash == 0 || at + slash + 2 < FRONT_LEN_MIN ? 0 : at + slash + 2;
}

/* As memcmp() and a hash over all bytes, but without loops: how often these go round differs from
 * name to name, and nothing foresees it. `bytes` and `front` are eight bytes or longer. */
static inline bool same_front(const char *bytes, const char *front, size_t len)
{
    size_t half = len < 16 ? 0 : 8;
    uint64_t differs = (get_le64(bytes) ^ get_le64(front)) |
                       (get_le64(bytes + half) ^ get_le64(front + half)) |
                       (get_le64(bytes + len - 8 - half) ^ get_le64(front + len - 8 - half)) |
                       (get_le64(bytes + len - 8) ^ get_le64(front + len - 8));

    if (len > 32)
        differs |= (get_le64(bytes + 16) ^ get_le64(front + 16)) |
                   (get_le64(bytes + 24) ^ get_le64(front + 24));
    return differs == 0;
}

static inline uint32_t hash_of_front(struct slice front)
{
    size_t len = front.len, half = len < 16 ? 0 : 8;

    return mix(get_le64(front.data) * FACTOR_1 + get_le64(front.data + half) * FACTOR_2 +
               get_le64(front.data + len - 8 - half) * FACTOR_3 +
               get_le64(front.data + len - 8) * FACTOR_4 + len);
}

static void start_front(struct shape_front *front, const struct url_set *set, struct slice bytes,
                        size_t head_len)
{
    struct url_walk walk = url_set_begin(set);
    uint64_t head = 0;

    url_set_walk(set, &walk, bytes);
    for (size_t i = head_len; i > 0; i--)
        head = head << 8 | (unsigned char)bytes.data[i - 1];
    *front = (struct shape_front){
        .found = walk.found, .head = head, .row = walk.row, .len = (uint8_t)bytes.len};
    memcpy(front->bytes, bytes.data, bytes.len);
}

/* ---- shapes ---- */

/* The rest of a path, as keys have it. */
static inline void key_rest(struct shape_key *key, struct slice rest)
{
    key->rest_len = (uint32_t)rest.len;
    copy_rest(key->rest, rest);
    key->holes = find_ids(key->rest, rest.len);
    clear_holes(key->rest, key->holes);
}

/* Of the rest alone: so that it need not wait for the front. Nor do the products wait for each
 * other. */
static inline uint32_t hash_of(const struct shape_key *key)
{
    uint64_t hash = key->holes * FACTOR_4 + key->rest_len;

    for (size_t at = 0; at < SHAPE_REST_MAX; at += 24) {
        hash += get_le64(key->rest + at) * (FACTOR_1 + 2 * at);
        hash += get_le64(key->rest + at + 8) * (FACTOR_2 + 2 * at);
        hash += get_le64(key->rest + at + 16) * (FACTOR_3 + 2 * at);
    }
    return mix(hash);
}

static inline bool is_same(const struct shape_key *a, const struct shape_key *b)
{
    uint64_t differs = (a->holes ^ b->holes) | (a->found ^ b->found) | (a->head ^ b->head) |
                       (a->row ^ b->row) | (a->rest_len ^ b->rest_len);

    for (size_t at = 0; at < SHAPE_REST_MAX; at += 8)
        differs |= get_le64(a->rest + at) ^ get_le64(b->rest + at);
    return differs == 0;
}

/* Has the shape been seen often enough? Then it starts again, should it be replaced. */
static bool is_common(struct derive_shapes *shapes, uint32_t hash)
{
    struct shape_sight *sight = &shapes->seen[hash % SHAPES_SEEN];

    if (sight->hash != hash)
        *sight = (struct shape_sight){.hash = hash};
    if (++sight->count < SHAPE_SIGHTS)
        return false;
    sight->count = 0;
    return true;
}

/* ---- the likely shape ---- */

enum { LIKELY_LEN_MIN = 8 }; /* of a rest: a word */

/* Where the likely shape of a rest is noted: by its length, how it begins, and how it ends if not in
 * an id, since names of pages stand there. */
static inline uint16_t *likely_of(struct derive_shapes *shapes, struct slice rest)
{
    const char *end = rest.data + rest.len;
    uint64_t tail = end[-1] > 'f' ? get_le64(end - 8) : (unsigned char)end[-2];

    return &shapes->likely[mix(get_le64(rest.data) * FACTOR_1 + tail * FACTOR_2 +
                               rest.len * FACTOR_3) %
                           SHAPES_LIKELY];
}

#ifdef __SSE2__
/* Which of sixteen bytes are those of the key, or of an id where the key has one. */
static inline __m128i fit_key(__m128i text, __m128i key)
{
    const __m128i in_id = _mm_cmpeq_epi8(key, _mm_setzero_si128());

    return _mm_or_si128(_mm_andnot_si128(in_id, _mm_cmpeq_epi8(text, key)),
                        _mm_and_si128(in_id, are_id_bytes(text)));
}

/* Would key_rest() make this key of the rest? True only if so: the same segments are ids, since the
 * bytes around them are the same. The rest is LIKELY_LEN_MIN long or longer. */
static inline bool has_key(struct slice rest, const struct shape_key *key)
{
    __m128i fits;

    if (rest.len != key->rest_len)
        return false;
    if (rest.len < 16) {
        fits = fit_key(load_ends(rest.data, rest.len), load_ends(key->rest, rest.len));
    } else {
        size_t last = rest.len - 16;

        fits = fit_key(load16(rest.data + last), load16(key->rest + last));
        for (size_t at = 0; at < last; at += 16)
            fits = _mm_and_si128(fits, fit_key(load16(rest.data + at), load16(key->rest + at)));
    }
    return _mm_movemask_epi8(fits) == 0xffff;
}
#else
static bool has_key(struct slice rest, const struct shape_key *key)
{
    (void)rest;
    (void)key;
    return false; /* it is found in the usual way */
}
#endif

/* Is this the shape of the path? `key` says of the front what a shape has of it. */
static inline bool is_likely(const struct derive_shape *shape, const struct shape_key *key,
                             struct slice rest)
{
    return shape->known && !shape->has_zero && shape->key.row == key->row &&
           shape->key.found == key->found && shape->key.head == key->head &&
           has_key(rest, &shape->key);
}

/* ---- look up ---- */

/* The known shape of a path that is cut here; what its front is stands in `key`. Not part of its
 * caller, which seldom comes here. */
static __attribute__((noinline)) const struct derive_shape *
cut_and_find(struct derive_shapes *shapes, const struct derive_rules *rules, struct slice path,
             size_t front_len, struct shape_key *key)
{
    struct slice rest = slice_from(path, front_len);
    struct derive_shape *ways;
    uint32_t hash, place;

    key_rest(key, rest);
    hash = hash_of(key);
    place = hash % (SHAPES_COUNT / SHAPE_WAYS);
    ways = &shapes->shapes[(size_t)place * SHAPE_WAYS];
    for (uint8_t way = 0; way < SHAPE_WAYS; way++)
        if (is_same(&ways[way].key, key)) {
            shapes->last[place] = way;
            return ways[way].known ? &ways[way] : NULL;
        }
    if (!is_common(shapes, hash))
        return NULL;
    shapes->last[place] = (uint8_t)((shapes->last[place] + 1) % SHAPE_WAYS);
    ways += shapes->last[place];
    *ways = (struct derive_shape){.key = *key,
                                  .has_zero = slice_find_byte(rest, '\0') != SIZE_MAX};
    derive_shape_learn(shapes, ways, rules, path, front_len);
    return ways->known ? ways : NULL;
}

/* The likely shape first. */
static inline const struct derive_shape *find(struct derive_shapes *shapes,
                                              const struct derive_rules *rules, struct slice path,
                                              size_t front_len, struct shape_key *key)
{
    struct slice rest = slice_from(path, front_len);
    const struct derive_shape *shape;
    uint16_t *likely;

    if (rest.len < LIKELY_LEN_MIN)
        return cut_and_find(shapes, rules, path, front_len, key);
    likely = likely_of(shapes, rest);
    shape = &shapes->shapes[*likely];
    if (is_likely(shape, key, rest)) {
        shapes->last[*likely / SHAPE_WAYS] = *likely % SHAPE_WAYS;
        return shape;
    }
    shape = cut_and_find(shapes, rules, path, front_len, key);
    if (shape != NULL)
        *likely = (uint16_t)(shape - shapes->shapes);
    return shape;
}

/* A path without a front, or one with what is no name: all of it is the rest. */
static const struct derive_shape *find_plain(struct derive_shapes *shapes,
                                             const struct derive_rules *rules, struct slice path)
{
    struct url_walk walk = url_set_begin(rules->set);
    struct shape_key key;

    if (path.len == 0 || path.len > SHAPE_REST_MAX)
        return NULL;
    key.found = walk.found;
    key.head = 0;
    key.row = walk.row;
    return find(shapes, rules, path, 0, &key);
}

const struct derive_shape *derive_shapes_find(struct derive_shapes *shapes,
                                              const struct derive_rules *rules, struct slice path,
                                              size_t *front_len)
{
    size_t head_len = 0, len = find_front(path, &head_len);
    struct slice bytes = slice_first(path, len);
    struct shape_front *front;
    struct shape_key key;

    *front_len = 0;
    if (len == 0)
        return find_plain(shapes, rules, path);
    if (path.len - len > SHAPE_REST_MAX)
        return NULL;
    front = &shapes->fronts[hash_of_front(bytes) % SHAPE_FRONTS];
    if (front->len != len || !same_front(front->bytes, bytes.data, len)) {
        if (!is_name(slice_sub(bytes, head_len, len - 1 - head_len)))
            return find_plain(shapes, rules, path);
        start_front(front, rules->set, bytes, head_len);
    }
    key.found = front->found;
    key.head = front->head;
    key.row = front->row;
    *front_len = len;
    return find(shapes, rules, path, len, &key);
}

void derive_shapes_init(struct derive_shapes *shapes)
{
    shapes->groups = map_empty(SHAPE_GROUPS);
    shapes->group_texts = arena_empty((size_t)SHAPE_GROUPS * SHAPE_GROUP_MAX);
}

void derive_shapes_release(struct derive_shapes *shapes)
{
    map_release(&shapes->groups);
    arena_release(&shapes->group_texts);
}

void derive_shapes_forget(struct derive_shapes *shapes)
{
    struct map groups = shapes->groups;
    struct arena group_texts = shapes->group_texts;

    memset(shapes, 0, sizeof(*shapes));
    shapes->groups = groups;
    shapes->group_texts = group_texts;
}
