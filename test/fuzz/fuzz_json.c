/* What a client sends as JSON: what the guard lets through is parsed, and nothing else is. */
#include "server/json_guard.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void
look_at(const char *text, size_t length)
{
    cJSON *root = cJSON_ParseWithLength(text, length);

    if (root == NULL)
        return;
    assert(cJSON_IsObject(root) && fuzz_depth(root) <= JSON_GUARD_DEPTH_MAX);
    char *printed = cJSON_PrintUnformatted(root);
    assert(printed != NULL);
    cJSON_free(printed);
    cJSON_Delete(root);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_copy(data, size);
    const char *problem;
    size_t start = 0;
    size_t end = 0;
    size_t at = 0;

    while (json_guard_next(text + at, size - at, &start, &end, &problem)) {
        assert(start < end && end <= size - at);
        if (problem == NULL) {
            assert(memchr(text + at + start, '\0', end - start) == NULL);
            look_at(text + at + start, end - start);
        }
        at += end;
    }
    free(text);
    return 0;
}
