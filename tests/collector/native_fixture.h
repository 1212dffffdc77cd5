/* tests/collector/native_fixture.h -- a native input on a loop thread of its own over a fake store,
 * and a fake shipper: a blocking socket that speaks the wire.
 * Thread safety: one test thread. */
#ifndef DENDRO_TESTS_COLLECTOR_NATIVE_FIXTURE_H
#define DENDRO_TESTS_COLLECTOR_NATIVE_FIXTURE_H

#include "base/message.h"
#include "collector/inputs/native.h"
#include "tests/collector/fake_file.h"
#include "tests/collector/fake_store.h"

#include <pthread.h>
#include <uv.h>

struct native_fixture {
    uv_loop_t loop;
    uv_async_t stop;
    pthread_t thread;
    struct store *store;
    struct derive_rules *rules;
    struct native *native;
    struct pipeline *pipeline;
    bool closed;
};

/* Listens on 127.0.0.1, a free port; geo "fr". Times of `options` may be set, the rest is filled
 * in. The store commits at once. */
void native_fixture_start(struct native_fixture *fixture, struct native_options options);
/* Stop; the store can still be looked at until free. */
void native_fixture_stop(struct native_fixture *fixture);
void native_fixture_free(struct native_fixture *fixture);

struct fake_shipper {
    int fd;
    struct buf input;
    struct slice rest;   /* of the input, not taken yet */
    uint64_t epoch;
    uint8_t id[WIRE_ID_SIZE], boot[WIRE_ID_SIZE];
    struct welcome welcome;
};

void fake_shipper_connect(struct fake_shipper *shipper, const struct native_fixture *fixture);
void fake_shipper_close(struct fake_shipper *shipper);
void fake_shipper_send(struct fake_shipper *shipper, enum frame_type type, enum frame_lane lane,
                       uint64_t seq, struct slice body);
void fake_shipper_send_bytes(struct fake_shipper *shipper, struct slice bytes);
/* A HELLO that is right for the fixture, to be changed by the test. */
struct hello fake_shipper_hello(const struct fake_shipper *shipper);
void fake_shipper_send_hello(struct fake_shipper *shipper, const struct hello *hello);
/* HELLO, and the WELCOME that answers it. */
void fake_shipper_greet(struct fake_shipper *shipper);

/* The next frame of another type than PING (those are answered); fails the test after 5 s. Valid
 * until the next call. False: the peer has closed. */
bool fake_shipper_read(struct fake_shipper *shipper, struct frame *out);
/* The next frame, which must be of that type. */
struct ack fake_shipper_ack(struct fake_shipper *shipper);
struct nack fake_shipper_nack(struct fake_shipper *shipper);
/* Read ACKs until one says `seq` for the normal lane. */
void fake_shipper_await(struct fake_shipper *shipper, uint64_t seq);
/* Nothing but frames that are ignored, then the end. */
void fake_shipper_await_close(struct fake_shipper *shipper);

#endif
