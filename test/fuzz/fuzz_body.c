/* The body of a request to register or to log in: what is taken is one object within bounds. */
#include "rooms/name_fold.h"
#include "rooms/utf8.h"
#include "server/body.h"
#include "server/json_guard.h"
#include "server/password.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What is said of an account, as it is looked at before it is. */
static void
look_at(const cJSON *body)
{
    char folded[NAME_FOLD_SIZE];
    const char *name = body_string(body, "username");
    const char *password = body_string(body, "password");

    if (name != NULL && name_fold(name, folded) == 0)
        assert(folded[0] != '\0' && utf8_is_valid(folded, strlen(folded)));
    if (password != NULL && password_is_good(password, strlen(password)))
        assert(strlen(password) >= PASSWORD_CHARACTERS_MIN &&
               strlen(password) <= PASSWORD_BYTES_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_copy(data, size);
    const char *problem = NULL;

    cJSON *body = body_parse(text, size, &problem);
    if (body != NULL) {
        assert(cJSON_IsObject(body) && fuzz_depth(body) <= JSON_GUARD_DEPTH_MAX);
        assert(utf8_is_valid(text, size) && memchr(text, '\0', size) == NULL);
        look_at(body);
    } else {
        assert(problem != NULL && problem[0] != '\0');
    }
    body_free(body);
    free(text);
    return 0;
}
