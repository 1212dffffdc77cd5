/* Settings from hostile bytes, as a YAML file and as a key=value list: an answer, never a crash, and
 * an error has a sentence. */
#include "base/config.h"

#include "tests/base/settings.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = arena_empty(4 << 20);
    struct slice text = slice_make(data, size);
    struct settings settings;
    struct error err = {0};

    if (option_presets(&settings_table, &settings, &arena, &err) != STATUS_OK)
        abort();
    if (config_parse(text, "f", &settings_table, &settings, &arena, &err) != STATUS_OK &&
        err.message[0] == '\0')
        abort();
    err = (struct error){0};
    if (option_set_pairs(&settings_table, &settings, text, &arena, &err) != STATUS_OK &&
        err.message[0] == '\0')
        abort();
    arena_release(&arena);
    return 0;
}
