/* collector/derive_text.h -- the texts that rules make. */
#ifndef DENDRO_COLLECTOR_DERIVE_TEXT_H
#define DENDRO_COLLECTOR_DERIVE_TEXT_H

#include "collector/derive.h"

struct text_builder {
    char bytes[DERIVE_TEXT_SIZE_MAX];
    size_t len;
    bool full;
};

/* A text that does not fit is left out, and the builder is full. */
void text_put(struct text_builder *out, struct slice text);
/* `template` with the groups put in. */
void text_expand(struct text_builder *out, struct slice template, const struct url_match *match);
void text_fold(struct text_builder *out); /* to lower case */
/* No letter to fold, and no %XX. */
bool text_is_folded(struct slice text);
/* %XX as the byte. A control byte is not decoded: it is no part of a name. */
void text_decode_percent(struct text_builder *out);

#endif
