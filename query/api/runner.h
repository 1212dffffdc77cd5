/* query/api/runner.h -- threads that run queries: so many at once, so many waiting, no more.
 * A query holds its thread while a slow client is waited for, so these are threads of their own.
 * Thread safety: any thread. */
#ifndef DENDRO_QUERY_API_RUNNER_H
#define DENDRO_QUERY_API_RUNNER_H

#include "base/error.h"

struct api_call;
struct runner;

/* `run` is called once per call, on one of `thread_count` threads; it ends the call. */
enum status runner_new(unsigned thread_count, unsigned waiting_max,
                       void (*run)(struct api_call *call), struct runner **out,
                       struct error *err) WARN_UNUSED;
/* AGAIN: all threads are busy and the queue is full; the call is still the caller's. */
enum status runner_submit(struct runner *runner, struct api_call *call) WARN_UNUSED;
void runner_load(struct runner *runner, unsigned *running, unsigned *waiting);
/* Runs what waits (the streams are cancelled, so it is short), then ends the threads. */
void runner_free(struct runner *runner); /* NULL does nothing */

#endif
