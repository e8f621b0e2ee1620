/* A user's name: what it folds to is text within bounds, and folds to itself. */
#include "rooms/name_fold.h"
#include "rooms/utf8.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES_MAX 64

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *name = fuzz_string(data, size);
    char folded[NAME_FOLD_SIZE];
    char again[NAME_FOLD_SIZE];

    memset(folded, 'x', sizeof(folded));
    if (name_fold(name, folded) == 0) {
        size_t length = strnlen(folded, sizeof(folded));
        assert(length > 0 && length < sizeof(folded) && utf8_is_valid(folded, length));
        assert(utf8_is_valid(name, strlen(name)) && strlen(name) <= NAME_BYTES_MAX);
        assert(folded[0] != ' ' && folded[length - 1] != ' ');
        if (length <= NAME_BYTES_MAX)
            assert(name_fold(folded, again) == 0 && strcmp(again, folded) == 0);
        /* Large letters are the same name, where they can be told without a library. */
        for (char *at = name; *at != '\0'; at++)
            if (*at >= 'a' && *at <= 'z')
                *at = (char)(*at - 'a' + 'A');
        assert(name_fold(name, again) == 0 && strcmp(again, folded) == 0);
    } else {
        assert(folded[0] == '\0');
    }
    free(name);
    return 0;
}
