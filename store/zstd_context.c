/* store/zstd_context.c -- contexts are expensive to make and cheap to keep: one per thread. */
#include "store/zstd_context.h"

#include <pthread.h>
#include <stdlib.h>
#include <zstd.h>

struct contexts {
    ZSTD_CCtx *compress;
    ZSTD_DCtx *decompress;
};

static pthread_key_t contexts_key;
static pthread_once_t contexts_once = PTHREAD_ONCE_INIT;

static void contexts_free(void *value)
{
    struct contexts *contexts = value;

    ZSTD_freeCCtx(contexts->compress);
    ZSTD_freeDCtx(contexts->decompress);
    free(contexts);
}

static void make_key(void)
{
    (void)pthread_key_create(&contexts_key, contexts_free);
}

static struct contexts *contexts_of_thread(void)
{
    struct contexts *contexts;

    (void)pthread_once(&contexts_once, make_key);
    contexts = pthread_getspecific(contexts_key);
    if (contexts == NULL) {
        contexts = calloc(1, sizeof(*contexts));
        if (contexts == NULL || pthread_setspecific(contexts_key, contexts) != 0) {
            free(contexts);
            return NULL;
        }
    }
    return contexts;
}

bool zstd_append(struct buf *out, struct slice text, int level)
{
    struct contexts *contexts = contexts_of_thread();
    size_t bound = ZSTD_compressBound(text.len), size;

    if (contexts != NULL && contexts->compress == NULL)
        contexts->compress = ZSTD_createCCtx();
    if (contexts == NULL || contexts->compress == NULL || !buf_reserve(out, bound))
        return false;
    size = ZSTD_compressCCtx(contexts->compress, out->data + out->len, bound, text.data, text.len,
                             level);
    if (ZSTD_isError(size))
        return false;
    buf_commit(out, size);
    return true;
}

bool zstd_read(struct slice frame, void *out, size_t size)
{
    struct contexts *contexts = contexts_of_thread();

    if (contexts != NULL && contexts->decompress == NULL)
        contexts->decompress = ZSTD_createDCtx();
    if (contexts == NULL || contexts->decompress == NULL)
        return false;
    return ZSTD_decompressDCtx(contexts->decompress, out, size, frame.data, frame.len) == size;
}
