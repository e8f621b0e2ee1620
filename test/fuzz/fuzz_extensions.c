/* Sec-WebSocket-Extensions: what is accepted is an offer, and what is answered fits it. */
#include "server/extensions.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct extensions extensions = {0};
    struct extensions again = {0};
    char *text = fuzz_string(data, size);

    int error = extensions_read(&extensions, text);
    assert(extensions.deflates == (extensions.answer[0] != '\0'));
    assert(memchr(extensions.answer, '\0', sizeof(extensions.answer)) != NULL);
    assert(!extensions.deflates || strstr(text, "permessage-deflate") != NULL);
    if (error == 0 && strstr(extensions.answer, "server_max_window_bits") != NULL)
        assert(strstr(text, "server_max_window_bits") != NULL);
    /* The answer is an offer as well. */
    if (extensions.deflates)
        assert(extensions_read(&again, extensions.answer) == 0 &&
               strcmp(again.answer, extensions.answer) == 0);
    free(text);
    return 0;
}
