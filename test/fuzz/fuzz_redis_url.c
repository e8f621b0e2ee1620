/* The address of a Redis: what is read of it is whole, and its password is in no word about it. */
#include "pubsub/redis_url.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct redis_url url;
    char printed[REDIS_URL_PRINT_SIZE];
    char again[REDIS_URL_PRINT_SIZE];
    char why[200] = "";
    char *text = fuzz_string(data, size);

    if (redis_url_parse(text, &url, why, sizeof(why)) == 0) {
        assert(strlen(url.host) < sizeof(url.host) && strlen(url.path) < sizeof(url.path));
        assert(strlen(url.user) < sizeof(url.user));
        assert(strlen(url.password) < sizeof(url.password));
        assert(url.is_unix || (url.port >= 1 && url.port <= 65535));
        redis_url_print(&url, printed, sizeof(printed));
        assert(strlen(printed) < sizeof(printed));
        /* What is printed does not depend on the password. */
        snprintf(url.password, sizeof(url.password), "another");
        redis_url_print(&url, again, sizeof(again));
        assert(strcmp(printed, again) == 0);
    } else {
        assert(why[0] != '\0');
    }
    free(text);
    return 0;
}
