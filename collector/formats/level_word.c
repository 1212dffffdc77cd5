/* collector/formats/level_word.c -- level words: a switch on length and first letter picks at most
 * a few candidates, since this runs once per event. */
#include "collector/formats/level_word.h"

#include "base/byteorder.h"

#include <string.h>

enum { LEVEL_WORD_LEN_MAX = 12 };

struct level_word {
    const char *word; /* lower case */
    enum level level;
};

/* By length, so that a lookup compares words of its own length only. */
static const struct level_word words_3[] = {
    {"dbg", LEVEL_DEBUG}, {"inf", LEVEL_INFO}, {"ntc", LEVEL_NOTICE}, {"wrn", LEVEL_WARNING},
    {"err", LEVEL_ERROR}, {"crt", LEVEL_CRIT}, {"alt", LEVEL_ALERT},  {"emg", LEVEL_EMERG},
    {"log", LEVEL_INFO},  {NULL, LEVEL_COUNT},
};
static const struct level_word words_4[] = {
    {"info", LEVEL_INFO},  {"warn", LEVEL_WARNING}, {"noti", LEVEL_NOTICE}, {"erro", LEVEL_ERROR},
    {"crit", LEVEL_CRIT},  {"debg", LEVEL_DEBUG},   {"dbug", LEVEL_DEBUG},  {"alrt", LEVEL_ALERT},
    {"emgc", LEVEL_EMERG}, {"trac", LEVEL_TRACE},   {"blat", LEVEL_TRACE},  {"fine", LEVEL_DEBUG},
    {NULL, LEVEL_COUNT},
};
static const struct level_word words_5[] = {
    {"error", LEVEL_ERROR}, {"debug", LEVEL_DEBUG}, {"fatal", LEVEL_CRIT},  {"trace", LEVEL_TRACE},
    {"emerg", LEVEL_EMERG}, {"alert", LEVEL_ALERT}, {"panic", LEVEL_EMERG}, {"noise", LEVEL_TRACE},
    {"finer", LEVEL_DEBUG}, {NULL, LEVEL_COUNT},
};
static const struct level_word words_6[] = {
    {"notice", LEVEL_NOTICE}, {"severe", LEVEL_ERROR}, {"config", LEVEL_INFO},
    {"finest", LEVEL_DEBUG},  {"report", LEVEL_INFO},  {"debug1", LEVEL_DEBUG},
    {"debug2", LEVEL_DEBUG},  {"debug3", LEVEL_DEBUG}, {"debug4", LEVEL_DEBUG},
    {"debug5", LEVEL_DEBUG},  {"trace1", LEVEL_TRACE}, {"trace2", LEVEL_TRACE},
    {"trace3", LEVEL_TRACE},  {"trace4", LEVEL_TRACE}, {"trace5", LEVEL_TRACE},
    {"trace6", LEVEL_TRACE},  {"trace7", LEVEL_TRACE}, {"trace8", LEVEL_TRACE},
    {NULL, LEVEL_COUNT},
};
static const struct level_word words_7[] = {
    {"warning", LEVEL_WARNING},
    {"verbose", LEVEL_DEBUG},
    {NULL, LEVEL_COUNT},
};
static const struct level_word words_8[] = {{"critical", LEVEL_CRIT}, {NULL, LEVEL_COUNT}};
static const struct level_word words_9[] = {{"emergency", LEVEL_EMERG}, {NULL, LEVEL_COUNT}};
static const struct level_word words_11[] = {
    {"deprecation", LEVEL_WARNING},
    {"information", LEVEL_INFO},
    {NULL, LEVEL_COUNT},
};

static const struct level_word *const words_by_length[LEVEL_WORD_LEN_MAX] = {
    [3] = words_3, [4] = words_4, [5] = words_5, [6] = words_6,
    [7] = words_7, [8] = words_8, [9] = words_9, [11] = words_11,
};

#define BYTES_4(a, b, c, d)                                                                        \
    ((uint64_t)(a) | (uint64_t)(b) << 8 | (uint64_t)(c) << 16 | (uint64_t)(d) << 24)

/* The words of most lines as two numbers: the first four bytes and the last four, in lower case. */
static const struct {
    size_t len;
    uint64_t bytes;
    enum level level;
} common[] = {
    {4, BYTES_4('i', 'n', 'f', 'o') | BYTES_4('i', 'n', 'f', 'o') << 32, LEVEL_INFO},
    {5, BYTES_4('d', 'e', 'b', 'u') | BYTES_4('e', 'b', 'u', 'g') << 32, LEVEL_DEBUG},
    {5, BYTES_4('e', 'r', 'r', 'o') | BYTES_4('r', 'r', 'o', 'r') << 32, LEVEL_ERROR},
    {6, BYTES_4('n', 'o', 't', 'i') | BYTES_4('t', 'i', 'c', 'e') << 32, LEVEL_NOTICE},
    {7, BYTES_4('w', 'a', 'r', 'n') | BYTES_4('n', 'i', 'n', 'g') << 32, LEVEL_WARNING},
};

/* LEVEL_COUNT: it is none of them. The bit that folds a letter makes no letter of another byte. */
static enum level level_of_common(struct slice word)
{
    const uint64_t fold = UINT64_C(0x2020202020202020);
    uint64_t bytes = get_le32(word.data) | (uint64_t)get_le32(word.data + word.len - 4) << 32;

    for (size_t i = 0; i < COUNT_OF(common); i++)
        if (common[i].bytes == (bytes | fold) && common[i].len == word.len)
            return common[i].level;
    return LEVEL_COUNT;
}

enum level level_of_word(struct slice word)
{
    char lower[LEVEL_WORD_LEN_MAX];
    const struct level_word *at;
    enum level level = word.len >= 4 && word.len < 8 ? level_of_common(word) : LEVEL_COUNT;

    if (level != LEVEL_COUNT)
        return level;

    if (word.len >= LEVEL_WORD_LEN_MAX || words_by_length[word.len] == NULL)
        return LEVEL_COUNT;
    for (size_t i = 0; i < word.len; i++) {
        unsigned char c = (unsigned char)word.data[i];

        lower[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    for (at = words_by_length[word.len]; at != NULL && at->word != NULL; at++)
        if (at->word[0] == lower[0] && memcmp(at->word, lower, word.len) == 0)
            return at->level;
    return LEVEL_COUNT;
}

enum level level_of_severity(unsigned severity)
{
    static const enum level levels[8] = {
        LEVEL_EMERG,   LEVEL_ALERT,  LEVEL_CRIT, LEVEL_ERROR,
        LEVEL_WARNING, LEVEL_NOTICE, LEVEL_INFO, LEVEL_DEBUG,
    };

    return severity < 8 ? levels[severity] : LEVEL_INFO;
}
