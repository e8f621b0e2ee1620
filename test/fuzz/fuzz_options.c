/* The command line, one option a line; and the list of origins, which clients are compared with. */
#include "server/options.h"
#include "server/origin.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_MAX 16

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char program[] = "chatd";
    char *arguments[ARGUMENTS_MAX + 2] = {program};
    struct options options;
    char why[200] = "";
    char *text = fuzz_string(data, size);
    int count = 1;

    for (char *line = text; line != NULL && count <= ARGUMENTS_MAX;) {
        char *end = strchr(line, '\n');
        if (end != NULL)
            *end++ = '\0';
        /* These only print. */
        if (strncmp(line, "--h", 3) != 0 && strncmp(line, "--v", 3) != 0)
            arguments[count++] = line;
        line = end;
    }
    enum options_result result = options_parse(count, arguments, &options, why, sizeof(why));
    assert(result != OPTIONS_ERROR || why[0] != '\0');
    if (result == OPTIONS_RUN)
        (void)origin_is_allowed(arguments[count - 1], arguments[1], options.origin);
    free(text);
    return 0;
}
