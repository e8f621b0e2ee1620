/* What a body says: this part knows no connection, and is fuzzed. */
#include "rooms/utf8.h"
#include "server/body.h"
#include "server/json_guard.h"

#include <sodium.h>
#include <string.h>

cJSON *
body_parse(const char *text, size_t length, const char **problem)
{
    size_t start;
    size_t end = length;

    *problem = "The body must be valid UTF-8.";
    if (!utf8_is_valid(text, length))
        return NULL;
    *problem = "The body must be a JSON object.";
    const char *found = NULL;
    if (!json_guard_next(text, length, &start, &end, &found) || found != NULL) {
        *problem = found != NULL ? found : *problem;
        return NULL;
    }
    size_t rest_start, rest_end;
    if (json_guard_next(text + end, length - end, &rest_start, &rest_end, &found))
        return NULL;
    return cJSON_ParseWithLength(text + start, end - start);
}

/* Clears every string of the object, names too. */
static void
clear(cJSON *item)
{
    for (; item != NULL; item = item->next) {
        if (item->valuestring != NULL)
            sodium_memzero(item->valuestring, strlen(item->valuestring));
        clear(item->child); /* as deep as the guard lets through */
    }
}

void
body_free(cJSON *body)
{
    clear(body);
    cJSON_Delete(body);
}

const char *
body_string(const cJSON *body, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, key));
}
