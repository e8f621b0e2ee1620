/*
 * The look at JSON before the library: a table of single documents, documents that follow each
 * other, and, with random ones, that the library ends where the guard said.
 */
#include "server/json_guard.h"

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/tap.h"

struct example {
    const char *text;
    size_t length;
    const char *problem; /* how it starts; NULL: none */
};

#define T(literal, problem)                                                                        \
    {                                                                                              \
        literal, sizeof(literal) - 1, problem                                                      \
    }

#define OPEN_15  "[[[[[[[[[[[[[[["
#define CLOSE_15 "]]]]]]]]]]]]]]]"

static const struct example examples[] = {
    T("{}", NULL),
    T("{\"action\":\"send-message\",\"message\":\"hi\",\"target\":{\"id\":\"a\",\"name\":\"b\"}}",
      NULL),
    T("{\"a\":[1,-2.5e3,true,false,null,\"x\",{}]}", NULL),
    T("{\"a\":\"brackets }]{[ and \\\" and \\\\\"}", NULL),
    T("{\"a\\\\\":\"\\\\\"}", NULL),
    T("{\"a\":\"\\u00e4\\uD83D\\ude00\\n\\t\\/\\u0001\"}", NULL),
    T("{\"a\":\"\\\\u0000\"}", NULL),
    T("{\"a\":\"\x7F\xC3\xA4\"}", NULL),
    T("{\r\n\t\"a\" : 1\n}", NULL),
    T("{\"a\":" OPEN_15 CLOSE_15 "}", NULL),
    T("{\"a\":" OPEN_15 "[]" CLOSE_15 "}", "nested too deep"),
    T("{\"a\":" OPEN_15 "{}" CLOSE_15 "}", "nested too deep"),
    T("null", "not an object"),
    T("[1]", "not an object"),
    T("[{}]", "not an object"),
    T("42", "not an object"),
    T("\"x\"", "not an object"),
    T("garbage {}", "not an object"),
    T("}", "not an object"),
    T("\xEF\xBB\xBF{}", "not an object"),
    T("\0", "not an object"),
    T("{", "document is not ended"),
    T("{\"", "document is not ended"),
    T("{\"a", "document is not ended"),
    T("{\"a\\", "document is not ended"),
    T("{\"a\\\"}", "document is not ended"),
    T("{\"a\\u", "document is not ended"),
    T("{\"a\\u00", "document is not ended"),
    T("{\"a\":{}", "document is not ended"),
    T("{]", "brackets do not match"),
    T("{\"a\":[}", "brackets do not match"),
    T("{\"a\":[1}]", "brackets do not match"),
    T("{\"a\":{]}", "brackets do not match"),
    T("{\"a\":\"\0\"}", "NUL"),
    T("{\"a\":\0}", "NUL"),
    T("{\"a\":\"\\u0000\"}", "NUL as \\u0000"),
    T("{\"\\u0000\":1}", "NUL as \\u0000"),
    T("{\"a\":\"\\\\\\u0000\"}", "NUL as \\u0000"),
    T("{\"a\":\"\\u00g1\"}", "\\u without four digits"),
    T("{\"a\":\"\\u12\"}", "\\u without four digits"),
    T("{\"a\":\"\\uzzzz\"}", "\\u without four digits"),
    T("{\"a\":\"x\ny\"}", "control character in a string"),
    T("{\"a\":\"x\ty\"}", "control character in a string"),
    T("{\"a\":\"x\x1Fy\"}", "control character in a string"),
    T("{\"a\":\"x\\\ny\"}", "control character in a string"),
    T("{\"a\":\x01 1}", "control character"),
    T("{\"a\":[0,-0,0.5,10,1e5,1E+5,-1.25e-3]}", NULL),
    T("{\"a\":0\n,\"b\":1 }", NULL),
    T("{\"a\":01}", "malformed number"),
    T("{\"a\":-}", "malformed number"),
    T("{\"a\":1.}", "malformed number"),
    T("{\"a\":1e}", "malformed number"),
    T("{\"a\":1e+}", "malformed number"),
    T("{\"a\":-01}", "malformed number"),
    T("{\"a\":0x10}", "malformed number"),
    T("{\"a\":1\"}", "malformed number"),
    T("{\"a\":1", "document is not ended"),
    T("{\"a\":-", "malformed number"),
};

/* Everything in a buffer of its exact size, so that ASan sees a read beyond it. */
static char *
copy_of(const char *text, size_t length)
{
    char *copy = malloc(length + (length == 0));

    if (copy == NULL)
        abort();
    memcpy(copy, text, length);
    return copy;
}

static void
test_example(size_t number, const struct example *example)
{
    char *text = copy_of(example->text, example->length);
    const char *problem = NULL;
    size_t start = 99;
    size_t end = 99;
    bool fine = json_guard_next(text, example->length, &start, &end, &problem);

    fine = fine && start == 0 && end > 0 && end <= example->length;
    if (example->problem == NULL)
        fine = fine && problem == NULL && end == example->length;
    else
        fine = fine && problem != NULL && strcmp(problem, example->problem) == 0;
    if (!fine)
        printf("# %s: %zu to %zu\n", problem != NULL ? problem : "no problem", start, end);
    ok(fine, "%zu: %s", number, example->problem != NULL ? example->problem : "a document");
    free(text);
}

/* Goes through a text and writes what it finds, each document in brackets and a problem as "!". */
static void
walk(const char *text, size_t length, char *found)
{
    const char *problem;
    size_t start;
    size_t end;
    char *copy = copy_of(text, length);
    size_t position = 0;

    while (json_guard_next(copy + position, length - position, &start, &end, &problem)) {
        if (problem != NULL)
            found += sprintf(found, "!");
        else
            found += sprintf(found, "<%.*s>", (int)(end - start), copy + position + start);
        position += end;
    }
    *found = '\0';
    free(copy);
}

static void
test_sequence(const char *text, const char *expected)
{
    char found[256];

    walk(text, strlen(text), found);
    if (!ok(strcmp(found, expected) == 0, "in sequence: %s", expected))
        printf("# got %s\n", found);
}

/* Whether the library, given exactly what the guard found, parses it to its end, or refuses it. */
static bool
library_agrees(const char *text, size_t length, bool *parsed)
{
    const char *problem = NULL;
    const char *parse_end = NULL;
    char *document;
    size_t start;
    size_t end;
    bool agrees = true;
    cJSON *json;

    if (!json_guard_next(text, length, &start, &end, &problem) || problem != NULL)
        return true;
    document = copy_of(text + start, end - start);
    json = cJSON_ParseWithLengthOpts(document, end - start, &parse_end, false);
    if (json != NULL)
        agrees = cJSON_IsObject(json) && parse_end == document + (end - start);
    *parsed = json != NULL;
    cJSON_Delete(json);
    free(document);
    return agrees;
}

static void
test_against_the_library(void)
{
    static const char *const pieces[] = {"{",  "}", "[",     "]",       "\"",   "\"a\"", ":",
                                         ",",  "1", "null",  "\\",      "\\\"", "\\u00", "\\u0041",
                                         "\n", " ", "\"\":", "{\"a\":", "-",    "u",     "\x02"};
    uint32_t state = 1;
    bool fine = true;
    int parses = 0;

    for (int run = 0; run < 300000; run++) {
        char text[200] = "{";
        size_t length = 1;
        bool parsed = false;
        char *copy;
        for (int i = 0; i < 12; i++) {
            const char *piece;
            state = state * 1664525u + 1013904223u;
            piece = pieces[(state >> 8) % (sizeof(pieces) / sizeof(*pieces))];
            while (*piece != '\0')
                text[length++] = *piece++;
        }
        copy = copy_of(text, length);
        if (!library_agrees(copy, length, &parsed)) {
            printf("# %.*s\n", (int)length, text);
            fine = false;
        }
        parses += parsed;
        free(copy);
    }
    ok(fine && parses > 100, "the library ends where the guard does, in %d documents", parses);
}

int
main(void)
{
    const char *problem;
    size_t start;
    size_t end;

    for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++)
        test_example(i, &examples[i]);
    test_sequence("", "");
    test_sequence(" \t\r\n", "");
    test_sequence("{}\n", "<{}>");
    test_sequence("{\"a\":1}\n{\"b\":2}", "<{\"a\":1}><{\"b\":2}>");
    test_sequence(" {\"a\":1} {}\r\n\n\t{}", "<{\"a\":1}><{}><{}>");
    test_sequence("null\n{}", "!<{}>");
    test_sequence("{}x\n{}", "<{}>!<{}>");
    test_sequence("{\"a\":\"x\ny\"}\n{}", "!!<{}>");
    test_sequence("{\"\\u0000\":1} {}\n{\"b\":2}", "!<{\"b\":2}>");
    test_sequence("{\"a\":[}\n{}", "!<{}>");
    test_sequence("{\"a\":1\n{}", "!<{}>");
    test_sequence("x", "!");
    ok(json_guard_next("null\n{}", 7, &start, &end, &problem) && start == 0 && end == 5,
       "after a problem it goes on behind the newline");
    test_against_the_library();
    return done_testing();
}
