/* tests/collector/random_path.c -- random texts of words that rules look for. */
#include "random_path.h"

#include "base/slice.h"

size_t random_path(uint64_t *state, char *out, size_t size)
{
    static const char *const words[] = {
        "/", "/a", "/a/", "a", "/hq/", "multimedia", "/file/", "CommCare", "Audio", "phone/",
        "api/", "odata", "receiver/", "home", "/accounts", "/login/", "favicon", ".ico", "forms-",
        "12", "3", "-", "0123456789", "abcdef", "uuid:", "form_data/", "%41", "z", "\n", "static/",
        "0f1e2d3c4b5a69788796a5b4c3d2e1fa", "1d7ff98d-5989-4aa3-9e03-781ca84a0f67",
    };
    size_t len = 0;

    for (unsigned i = 0; i < 12; i++) {
        const char *word;

        *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407U;
        word = words[(*state >> 33) % COUNT_OF(words)];
        if ((*state >> 60) == 0 || strlen(word) > size - len)
            break;
        memcpy(out + len, word, strlen(word));
        len += strlen(word);
    }
    return len;
}
