/* tests/collector/test_format_runtime.c -- celery events, collectors of the JVM, memcached. The lines
 * of celery were printed by celery 5.2's Dumper, those of JDK 9+ by OpenJDK 17, with other names;
 * the values are read off them by hand. The rules are in collector/formats/README.md. */
#include "collector/formats/formats.h"
#include "format_case.h"

#define TASK_ID "2b7e1516-1111-4222-8333-444455556666"
#define T318    "2026-04-02T09:20:11.318000Z"

static const struct format_case celery_events_cases[] = {
    {.name = "a task with its runtime",
     .event = "celery@web1 [2026-04-02 09:20:11.318000] task succeeded: demo.send(" TASK_ID
              ") args=('a', 1) kwargs={} clock=5, result=None, runtime=0.1, utcoffset=0",
     .time = T318, .level = LEVEL_INFO,
     .fields = {"worker=celery@web1", "task=demo.send", "task_id=" TASK_ID, "duration=0.1 s"}},
    {.name = "whole seconds; the task is not known, the runtime has an exponent",
     .event = "celery@web1 [2026-04-02 09:20:11] task succeeded:  clock=5, result=None, "
              "runtime=4.8e-05, utcoffset=0",
     .time = "2026-04-02T09:20:11.000000Z", .level = LEVEL_INFO,
     .fields = {"worker=celery@web1", "duration=4.8e-05 s"}},
    {.name = "arguments that look like values: the last one counts",
     .event = "w [2026-04-02 09:20:11.318000] task succeeded: a.b(x) args=(' runtime=9, ') "
              "kwargs={} clock=1, runtime=0.25, utcoffset=0",
     .time = T318, .level = LEVEL_INFO,
     .fields = {"worker=w", "task=a.b", "task_id=x", "duration=0.25 s"}},
    {.name = "a name with parentheses",
     .event = "w [2026-04-02 09:20:11.318000] task received: a (b)(x) args=() kwargs={} eta=None",
     .time = T318, .level = LEVEL_INFO, .fields = {"worker=w", "task=a (b)", "task_id=x"}},
    {.name = "failed, with a traceback over lines",
     .event = "celery@web1 [2026-04-02 09:20:11.318000] task failed: demo.send(" TASK_ID
              ") args=('a', 1) kwargs={} clock=5, exception=ValueError('y'), traceback=Traceback "
              "(most recent call last):\n  File \"x\", line 1\nValueError: y\n, utcoffset=0",
     .time = T318, .level = LEVEL_ERROR,
     .fields = {"worker=celery@web1", "task=demo.send", "task_id=" TASK_ID,
                "exception=ValueError"}},
    {.name = "retried: the exception without a traceback",
     .event = "celery@web1 [2026-04-02 09:20:11.318000] task retried: demo.send(x) args=() "
              "kwargs={} clock=5, exception=app.Boom('y'), traceback=T, utcoffset=0",
     .time = T318, .level = LEVEL_WARNING,
     .fields = {"worker=celery@web1", "task=demo.send", "task_id=x", "exception=app.Boom"}},
    {.name = "heartbeat",
     .event = "celery@web1 [2026-04-02 09:20:11.318000] heartbeat: active=1, clock=5, freq=2.0",
     .time = T318, .level = LEVEL_DEBUG, .fields = {"worker=celery@web1"}},
    {.name = "started", .event = "celery@web1 [2026-04-02 09:20:11.318000] started: clock=5",
     .time = T318, .level = LEVEL_INFO, .fields = {"worker=celery@web1"}},
    {.name = "another word", .event = "w [2026-04-02 09:20:11.318000] stopped: x", .refused = true},
    {.name = "a sentence before the bracket",
     .event = "two words [2026-04-02 09:20:11.318000] heartbeat: x", .refused = true},
    {.name = "Borked", .event = "Borked", .refused = true},
};

static const struct format_case jvm_gc_cases[] = {
    {.name = "JDK 9+: time, process, padded tags",
     .event = "[2026-04-02T09:20:11.318+0000][15168][gc          ] GC(12) Pause Young (Normal) (G1 "
              "Evacuation Pause) 48M->10M(1024M) 3.456ms",
     .time = T318, .level = LEVEL_INFO, .fields = {"pid=15168", "duration=3.456ms own"}},
    {.name = "with a zone",
     .event = "[2026-04-02T11:20:11.318+0200][info ][gc] GC(1) Pause Full (System.gc()) "
              "20M->1M(14M) 4.885ms",
     .time = T318, .level = LEVEL_INFO, .fields = {"duration=4.885ms own"}},
    {.name = "default decorations: no time at all",
     .event = "[0.042s][info][gc] GC(0) Pause Young (Normal) (G1 Evacuation Pause) 6M->1M(64M) "
              "0.979ms",
     .level = LEVEL_INFO, .fields = {"duration=0.979ms own"}},
    {.name = "a phase of a pause is no pause",
     .event = "[2026-04-02T09:20:11.318+0000][1][gc,phases   ] GC(0)   Evacuate Collection Set: "
              "0.3ms",
     .time = T318, .level = LEVEL_INFO, .fields = {"pid=1"}},
    {.name = "the beginning of a pause has no length",
     .event = "[2026-04-02T09:20:11.318+0000][1][gc,start    ] GC(0) Pause Young (Normal) (G1 "
              "Evacuation Pause)",
     .time = T318, .level = LEVEL_INFO, .fields = {"pid=1"}},
    {.name = "concurrent",
     .event = "[2.1s][gc] GC(3) Concurrent Mark Cycle 12.300ms", .level = LEVEL_INFO,
     .fields = {"duration=12.300ms own"}},
    {.name = "safepoint, in nanoseconds",
     .event = "[2026-04-02T09:20:11.318+0000][15168][safepoint   ] Safepoint "
              "\"G1CollectForAllocation\", Time since last: 22022742 ns, Reaching safepoint: 2886 "
              "ns, Cleanup: 3135 ns, At safepoint: 4502506 ns, Total: 4508527 ns",
     .time = T318, .level = LEVEL_INFO, .fields = {"pid=15168", "duration=4508527 ns"}},
    {.name = "a warning",
     .event = "[1.5s][warning][gc] Option UseConcMarkSweepGC was deprecated",
     .level = LEVEL_WARNING},
    {.name = "JDK 8: the last secs is the outer one",
     .event = "2026-04-02T09:20:11.318+0000: 138.712: [GC (Allocation Failure) [PSYoungGen: "
              "65536K->10720K(76288K)] 65536K->10800K(251392K), 0.0061094 secs]",
     .time = T318, .level = LEVEL_INFO, .fields = {"duration=0.0061094 s"}},
    {.name = "JDK 8: what the clock says wins, over lines",
     .event = "2026-04-02T09:20:11.318+0000: 138.712: [GC (Allocation Failure) "
              "2026-04-02T09:20:11.318+0000: 138.712: [ParNew\nDesired survivor size 5570560 bytes, "
              "new threshold 1 (max 6)\n- age   1:    8913408 bytes,    8913408 total\n: "
              "90112K->7168K(92160K), 0.0059480 secs] 90112K->7168K(296960K), 0.0060180 secs] "
              "[Times: user=0.02 sys=0.00, real=0.01 secs]",
     .time = T318, .level = LEVEL_INFO, .fields = {"duration=0.01 s"}},
    {.name = "JDK 8: threads were stopped; the second figure is another",
     .event = "2026-04-02T09:20:11.318+0000: 138.7: Total time for which application threads were "
              "stopped: 0.0061 seconds, Stopping threads took: 0.00004 seconds",
     .time = T318, .level = LEVEL_INFO, .fields = {"duration=0.0061 s"}},
    {.name = "JDK 8: a figure without its unit",
     .event = "2026-04-02T09:20:11.318+0000: 138.7: Total time for which application threads were "
              "stopped: 0.0061s",
     .time = T318, .level = LEVEL_INFO},
    {.name = "JDK 8: cut behind real=",
     .event = "2026-04-02T09:20:11.318+0000: 138.7: [GC (x) 1K->1K(2K), 0.1 secs] [Times: real=0.01",
     .time = T318, .level = LEVEL_INFO},
    {.name = "JDK 8: only the uptime, and a decimal comma",
     .event = "138,712: [Full GC (System.gc()) 2048K->1024K(9216K), 0,0061094 secs]",
     .level = LEVEL_INFO, .fields = {"~duration=0.0061094 s"}},
    {.name = "other tags", .event = "[0.042s][info][os,thread] Thread started", .refused = true},
    {.name = "brackets of another kind", .event = "[gc] hello", .refused = true},
    {.name = "an ISO stamp and another text",
     .event = "2026-04-02T09:20:11.318+0000: 138.712: hello", .refused = true},
    {.name = "Borked", .event = "Borked", .refused = true},
};

static const struct format_case memcached_cases[] = {
    {.name = "a command", .event = "<28 get session:1", .level = LEVEL_DEBUG,
     .fields = {"fd=28", "method=get", "path=session:1"}},
    {.name = "a command with numbers", .event = "<28 set session:1 0 900 5", .level = LEVEL_DEBUG,
     .fields = {"fd=28", "method=set", "path=session:1"}},
    {.name = "a new connection", .event = "<28 new auto-negotiating client connection",
     .level = LEVEL_DEBUG, .fields = {"fd=28"}},
    {.name = "a closed one", .event = "<28 connection closed.", .level = LEVEL_DEBUG,
     .fields = {"fd=28"}},
    {.name = "sending a key", .event = ">28 sending key session:1", .level = LEVEL_DEBUG,
     .fields = {"fd=28", "path=session:1"}},
    {.name = "an answer", .event = ">28 STORED", .level = LEVEL_DEBUG,
     .fields = {"fd=28", "status=STORED"}},
    {.name = "the server complains", .event = ">28 SERVER_ERROR out of memory storing object",
     .level = LEVEL_ERROR, .fields = {"fd=28", "status=SERVER_ERROR"}},
    {.name = "a key that looks like a complaint", .event = "<28 get Failed:ERROR",
     .level = LEVEL_DEBUG, .fields = {"fd=28", "method=get", "path=Failed:ERROR"}},
    {.name = "not found", .event = "> NOT FOUND session:1", .level = LEVEL_DEBUG,
     .fields = {"status=NOT FOUND", "path=session:1"}},
    {.name = "found", .event = "> FOUND KEY session:1", .level = LEVEL_DEBUG,
     .fields = {"status=FOUND", "path=session:1"}},
    {.name = "states", .event = "28: going from conn_read to conn_write", .level = LEVEL_DEBUG,
     .fields = {"fd=28"}},
    {.name = "slabs", .event = "slab class   1: chunk size        96 perslab   10922",
     .level = LEVEL_DEBUG},
    {.name = "too many connections", .event = "Too many open connections", .level = LEVEL_ERROR,
     .detected_as_other = true},
    {.name = "watch: microseconds are not padded",
     .event = "ts=1775121611.42 gid=3 type=item_get key=session%3A1 status=not_found clsid=0 "
              "cfd=28 size=0",
     .time = "2026-04-02T09:20:11.000042Z", .level = LEVEL_INFO,
     .fields = {"method=item_get", "path=session%3A1", "status=not_found", "fd=28", "bytes=0 B"}},
    {.name = "watch: six digits",
     .event = "ts=1775121611.318000 gid=3 type=item_store key=k status=stored cmd=set ttl=900 "
              "clsid=1 cfd=28 size=90",
     .time = T318, .level = LEVEL_INFO,
     .fields = {"method=item_store", "path=k", "status=stored", "fd=28", "bytes=90 B"}},
    {.name = "no file descriptor", .event = "<x get a", .refused = true},
    {.name = "Borked", .event = "Borked", .refused = true},
};

#define TEST_OF(name)                                                                              \
    static void test_##name(void **unused)                                                         \
    {                                                                                              \
        (void)unused;                                                                              \
        CHECK_CASES(&format_##name, name##_cases);                                                 \
    }

TEST_OF(celery_events)
TEST_OF(jvm_gc)
TEST_OF(memcached)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_celery_events),
        cmocka_unit_test(test_jvm_gc),
        cmocka_unit_test(test_memcached),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
