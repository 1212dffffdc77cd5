/* collector/formats/level_word.c -- level words: a switch on length and first letter picks at most
 * a few candidates, since this runs once per event. */
#include "collector/formats/level_word.h"

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

enum level level_of_word(struct slice word)
{
    char lower[LEVEL_WORD_LEN_MAX];
    const struct level_word *at;

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
