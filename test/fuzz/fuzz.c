#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* With `more` bytes behind it. */
static char *
copy(const uint8_t *data, size_t size, size_t more)
{
    char *text = malloc(size + more > 0 ? size + more : 1);

    assert(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    return text;
}

char *
fuzz_copy(const uint8_t *data, size_t size)
{
    return copy(data, size, 0);
}

char *
fuzz_string(const uint8_t *data, size_t size)
{
    char *text = copy(data, size, 1);

    text[size] = '\0';
    return text;
}

unsigned
fuzz_depth(const cJSON *item)
{
    unsigned deepest = 0;

    for (const cJSON *child = item->child; child != NULL; child = child->next) {
        unsigned depth = fuzz_depth(child);
        deepest = depth > deepest ? depth : deepest;
    }
    return cJSON_IsObject(item) || cJSON_IsArray(item) ? deepest + 1 : deepest;
}
