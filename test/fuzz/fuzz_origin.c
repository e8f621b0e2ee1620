/* The headers Origin and Host, and the list of --origin: no other site gets in by them. */
#include "server/origin.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_string(data, size);
    char *host;

    host = strchr(text, '\n');
    if (host != NULL) {
        *host++ = '\0';
        char *list = strchr(host, '\n');
        if (list != NULL)
            *list++ = '\0';
        bool is_listed = origin_is_allowed(text, NULL, list);
        assert(!is_listed || list != NULL);
        /* What is not on the list has to be there as the Host. */
        if (origin_is_allowed(text, host, list) && !is_listed)
            assert(strlen(host) > 0 && strstr(text, "://") != NULL);
        if (list != NULL)
            (void)origin_list_is_valid(list);
    }
    free(text);
    return 0;
}
