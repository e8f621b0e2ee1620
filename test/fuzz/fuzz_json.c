/* What a client sends as JSON: what the guard lets through is parsed, and nothing else is. */
#include "server/json_guard.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned
depth_of(const cJSON *item)
{
    unsigned deepest = 0;

    for (const cJSON *child = item->child; child != NULL; child = child->next) {
        unsigned depth = depth_of(child);
        deepest = depth > deepest ? depth : deepest;
    }
    return cJSON_IsObject(item) || cJSON_IsArray(item) ? deepest + 1 : deepest;
}

static void
look_at(const char *text, size_t length)
{
    cJSON *root = cJSON_ParseWithLength(text, length);

    if (root == NULL)
        return;
    assert(cJSON_IsObject(root) && depth_of(root) <= JSON_GUARD_DEPTH_MAX);
    char *printed = cJSON_PrintUnformatted(root);
    assert(printed != NULL);
    cJSON_free(printed);
    cJSON_Delete(root);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of exactly that size, so that reading beyond it is found. */
    char *text = malloc(size > 0 ? size : 1);
    const char *problem;
    size_t start = 0;
    size_t end = 0;
    size_t at = 0;

    assert(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
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
