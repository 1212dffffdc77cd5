/* collector/formats/level_word.h -- the words that programs print for a level.
 * Thread safety: pure functions. */
#ifndef DENDRO_COLLECTOR_FORMATS_LEVEL_WORD_H
#define DENDRO_COLLECTOR_FORMATS_LEVEL_WORD_H

#include "store/event.h"

/* Any letter case and any system's word: ERROR, erro, SEVERE, FATAL, DEBUG3, WARN...
 * LEVEL_COUNT when it is none. Words that mean different levels in two systems (PostgreSQL's LOG,
 * Redis' signs) belong to their formats. */
enum level level_of_word(struct slice word);
/* Syslog severity 0..7. */
enum level level_of_severity(unsigned severity);

#endif
