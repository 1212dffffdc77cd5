/* collector/formats/trace.h -- Python tracebacks and Java stack traces inside an event: which
 * lines belong to them, and the type of the exception.
 * Thread safety: pure functions. */
#ifndef DENDRO_COLLECTOR_FORMATS_TRACE_H
#define DENDRO_COLLECTOR_FORMATS_TRACE_H

#include "base/slice.h"

#include <stdbool.h>

/* Does `line`, which starts no event of the format, go on with the trace in `open`? */
bool trace_continues_python(struct slice open, struct slice line);
bool trace_continues_java(struct slice open, struct slice line);

/* Type of the exception that left the last block: `django.db.utils.DataError`. False: no trace. */
bool trace_python_exception(struct slice event, struct slice *type);
/* Type in the first line of the Java trace behind the first line of the event. */
bool trace_java_exception(struct slice event, struct slice *type);

#endif
