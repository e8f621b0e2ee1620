#include "rooms/name_fold.h"

#include "repo/repo.h"
#include "rooms/utf8.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#define NAME_BYTES_MAX (REPO_USER_NAME_SIZE - 1)
#define ROUNDS_MAX     8 /* two suffice for all that is known */

/*
 * Takes out what is not seen, and white space but for one space between words; in place, as nothing
 * grows by that. Returns the new length.
 */
static size_t
clean(uint8_t *text, size_t length)
{
    size_t kept = 0;
    bool wants_space = false;
    ucs4_t point;
    int size;

    for (size_t at = 0; at < length; at += (size_t)size) {
        size = u8_mbtouc(&point, text + at, length - at);
        if (uc_is_property_white_space(point)) {
            wants_space = kept > 0;
            continue;
        }
        if (uc_is_property_default_ignorable_code_point(point))
            continue;
        if (wants_space)
            text[kept++] = ' ';
        wants_space = false;
        memmove(text + kept, text + at, (size_t)size);
        kept += (size_t)size;
    }
    return kept;
}

/*
 * Folds once; *is_same says that nothing changed. What is taken out may bring together what then
 * composes, so once need not be enough.
 */
static int
fold_once(char folded[NAME_FOLD_SIZE], bool *is_same)
{
    size_t before = strlen(folded);
    size_t length = 0;

    uint8_t *text = u8_casefold((const uint8_t *)folded, before, NULL, UNINORM_NFKC, NULL, &length);
    if (text == NULL)
        return errno == ENOMEM ? -ENOMEM : -EINVAL;
    length = clean(text, length);
    int error = length >= 1 && length < NAME_FOLD_SIZE ? 0 : -EINVAL;
    *is_same = error == 0 && length == before && memcmp(text, folded, length) == 0;
    if (error == 0) {
        memcpy(folded, text, length);
        folded[length] = '\0';
    }
    free(text);
    return error;
}

int
name_fold(const char *name, char folded[NAME_FOLD_SIZE])
{
    size_t length = strnlen(name, NAME_BYTES_MAX + 1);
    bool is_same = false;
    int error = 0;

    folded[0] = '\0';
    if (length == 0 || length > NAME_BYTES_MAX || !utf8_is_valid(name, length))
        return -EINVAL;
    memcpy(folded, name, length + 1);
    for (int i = 0; i < ROUNDS_MAX && error == 0 && !is_same; i++)
        error = fold_once(folded, &is_same);
    if (error == 0 && !is_same)
        error = -EINVAL;
    if (error != 0)
        folded[0] = '\0';
    return error;
}
