/* tests/fuzz/fuzz_derive.c -- the pattern in the first line is matched against the rest by both
 * engines: equal matches and groups, and the same answer from a set. The built-in patterns run
 * against every text, too. */
#include "collector/url_pattern.h"
#include "collector/url_set.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    TEXT_SIZE_MAX = 200
}; /* no pattern runs into PCRE2's match limit on so little, unless built for it */

static const char *const built_in[] = {
    "/a/([\\w.:%-]+)(?:/|$)",
    "/hq/multimedia/file/CommCare(Audio|Video|Image)",
    "^/static/|favicon\\.ico",
    "^/hq/([^/]+)",
    "^/a/[^/]+/(phone/[^/]+)",
    "^/a/[^/]+/(api/[^/]+/odata/[^/]+)",
    "^/a/[^/]+/(?:receiver|phone)/",
    "/(modules|forms)-[0-9]+",
    "/uuid:[a-z0-9-]+",
    "[-0-9a-f]{10,}",
};

static void compare(struct slice pattern, struct slice text, struct url_scratch *scratch)
{
    struct url_pattern *ours = NULL;
    struct url_pattern *theirs = NULL;
    struct url_set *set = NULL;
    struct url_match a;
    struct url_match b;
    struct error err;

    if (url_pattern_new_pcre(pattern, &theirs, &err) != STATUS_OK)
        return;
    assert(url_pattern_new(pattern, &ours, &err) == STATUS_OK);
    if (!url_pattern_is_pcre(ours)) {
        bool found = url_pattern_find(ours, scratch, text, 0, &a);

        assert(found == url_pattern_find(theirs, scratch, text, 0, &b));
        assert(url_set_new((const struct url_pattern *const[]){ours}, 1, &set, &err) == STATUS_OK);
        assert(url_set_match(set, text) == found || url_set_exact(set) == 0);
        url_set_free(set);
        for (unsigned i = 0; found && i <= url_pattern_groups(ours); i++) {
            assert(slice_equal(a.groups[i], b.groups[i]));
            assert(a.groups[i].len == 0 || a.groups[i].data == b.groups[i].data);
        }
    }
    url_pattern_free(ours);
    url_pattern_free(theirs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct url_scratch *scratch;
    struct slice text = slice_make(data, size);
    struct slice pattern;

    if (scratch == NULL)
        scratch = url_scratch_new();
    if (!slice_cut(&text, '\n', &pattern) || text.len > TEXT_SIZE_MAX || pattern.len > 100)
        return 0;
    compare(pattern, text, scratch);
    compare(slice_of(built_in[pattern.len % COUNT_OF(built_in)]), text, scratch);
    return 0;
}
