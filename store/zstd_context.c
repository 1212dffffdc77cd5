/* store/zstd_context.c -- contexts are expensive to make and cheap to keep: one per thread. */
#include "store/zstd_context.h"

#include <pthread.h>
#include <stdlib.h>
#include <zstd.h>

struct contexts {
    ZSTD_CCtx *compress;
    ZSTD_CCtx *numbers; /* of zstd_append_numbers() */
    ZSTD_DCtx *decompress;
};

static pthread_key_t contexts_key;
static pthread_once_t contexts_once = PTHREAD_ONCE_INIT;

static void contexts_free(void *value)
{
    struct contexts *contexts = value;

    ZSTD_freeCCtx(contexts->compress);
    ZSTD_freeCCtx(contexts->numbers);
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

/* Bytes of numbers seldom repeat in runs: a short match costs more than the bytes it stands for, and
 * matches are not worth looking for far away. */
static ZSTD_CCtx *numbers_context(void)
{
    static const struct {
        ZSTD_cParameter parameter;
        int value;
    } settings[] = {
        {ZSTD_c_compressionLevel, 1},
        {ZSTD_c_minMatch, 7},
        {ZSTD_c_hashLog, 8},
    };
    ZSTD_CCtx *context = ZSTD_createCCtx();
    bool fine = context != NULL;

    for (size_t i = 0; i < COUNT_OF(settings) && fine; i++)
        fine = !ZSTD_isError(
            ZSTD_CCtx_setParameter(context, settings[i].parameter, settings[i].value));
    if (fine)
        return context;
    ZSTD_freeCCtx(context);
    return NULL;
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

bool zstd_append_numbers(struct buf *out, struct slice plane)
{
    struct contexts *contexts = contexts_of_thread();
    size_t bound = ZSTD_compressBound(plane.len), size;

    if (contexts != NULL && contexts->numbers == NULL)
        contexts->numbers = numbers_context();
    if (contexts == NULL || contexts->numbers == NULL || !buf_reserve(out, bound))
        return false;
    size = ZSTD_compress2(contexts->numbers, out->data + out->len, bound, plane.data, plane.len);
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
