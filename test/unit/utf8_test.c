/*
 * UTF-8 validation, compared over all short inputs with a decoder written another way, and at the
 * places where the fast path for ASCII begins and ends.
 */
#include "rooms/utf8.h"

#include <string.h>

#include "test/unit/tap.h"

/* The length of the character at the start of `text`, by decoding it; 0 when there is none. */
static size_t
decode(const unsigned char *text, size_t length)
{
    uint32_t value = text[0];
    size_t size = 1;

    if (text[0] >= 0x80)
        size = (text[0] & 0xE0) == 0xC0   ? 2
               : (text[0] & 0xF0) == 0xE0 ? 3
               : (text[0] & 0xF8) == 0xF0 ? 4
                                          : 0;
    if (size == 0 || size > length)
        return 0;
    if (size > 1)
        value = text[0] & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (text[i] & 0x3Fu);
    }
    if ((size == 2 && value < 0x80) || (size == 3 && value < 0x800) ||
        (size == 4 && value < 0x10000))
        return 0;
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    return size;
}

static bool
is_valid_slowly(const unsigned char *text, size_t length)
{
    while (length > 0) {
        size_t size = decode(text, length);
        if (size == 0)
            return false;
        text += size;
        length -= size;
    }
    return true;
}

static bool
agrees(const unsigned char *text, size_t length)
{
    return utf8_is_valid((const char *)text, length) == is_valid_slowly(text, length);
}

/* Every text of up to three bytes, and of four with the last two at the edges of their ranges. */
static void
test_exhaustively(void)
{
    static const unsigned char edges[] = {0, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
    bool same = true;
    unsigned char text[4];

    for (uint32_t i = 0; i < 1u << 24; i++) {
        text[0] = (unsigned char)(i >> 16);
        text[1] = (unsigned char)(i >> 8);
        text[2] = (unsigned char)i;
        same = same && agrees(text, 3);
        same = same && (text[2] != 0 || agrees(text, 2)) && ((i & 0xFFFF) != 0 || agrees(text, 1));
    }
    ok(same, "every text of one to three bytes");
    for (uint32_t i = 0; i < 65536; i++) {
        text[0] = (unsigned char)(i >> 8);
        text[1] = (unsigned char)i;
        for (size_t j = 0; j < sizeof(edges); j++) {
            text[2] = edges[j];
            for (size_t k = 0; k < sizeof(edges); k++) {
                text[3] = edges[k];
                same = same && agrees(text, 4);
            }
        }
    }
    ok(same, "texts of four bytes");
}

struct example {
    const char *text;
    bool valid;
    const char *name;
};

static const struct example examples[] = {
    {"", true, "nothing"},
    {"plain ASCII, longer than eight", true, "ASCII"},
    {"\x7F", true, "the last of one byte"},
    {"\xC2\x80\xDF\xBF", true, "the first and last of two"},
    {"\xE0\xA0\x80\xEF\xBF\xBF", true, "the first and last of three"},
    {"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", true, "the first and last of four"},
    {"\xED\x9F\xBF\xEE\x80\x80", true, "both sides of the surrogates"},
    {"\xC0\x80", false, "an overlong NUL"},
    {"\xC1\xBF", false, "overlong of two"},
    {"\xE0\x9F\xBF", false, "overlong of three"},
    {"\xF0\x8F\xBF\xBF", false, "overlong of four"},
    {"\xED\xA0\x80", false, "the first surrogate"},
    {"\xED\xBF\xBF", false, "the last surrogate"},
    {"\xF4\x90\x80\x80", false, "above U+10FFFF"},
    {"\xF8\x88\x80\x80\x80", false, "five bytes"},
    {"\x80", false, "a lone continuation"},
    {"\xE2\x82", false, "an unfinished character"},
    {"\xE2\x82 ", false, "a character broken off"},
};

static void
test_examples(void)
{
    for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
        const struct example *example = &examples[i];
        ok(utf8_is_valid(example->text, strlen(example->text)) == example->valid, "%s",
           example->name);
    }
}

/* A state carries over any place where the text is cut. */
static void
test_cuts(void)
{
    static const char text[] =
        "12345678\xC3\xA4 12345678 \xE2\x82\xAC\xF0\x9F\x98\x80 abcdefghijkl";
    size_t length = sizeof(text) - 1;
    bool fine = true;

    for (size_t i = 0; i <= length; i++)
        for (size_t j = i; j <= length; j++) {
            uint32_t state = utf8_check(UTF8_ACCEPT, text, i);
            state = utf8_check(state, text + i, j - i);
            fine = fine && state != UTF8_REJECT;
            fine = fine && utf8_check(state, text + j, length - j) == UTF8_ACCEPT;
        }
    ok(fine, "cut in three anywhere");
    ok(utf8_check(UTF8_ACCEPT, "\xE2", 1) > UTF8_REJECT,
       "within a character is a state of its own");
    fine = true;
    for (int byte = 0; byte < 256; byte++)
        fine = fine && utf8_check(UTF8_REJECT, &(char){(char)byte}, 1) == UTF8_REJECT;
    ok(fine, "a rejection stays");
    ok(utf8_check(UTF8_REJECT, "", 0) == UTF8_REJECT, "over nothing too");
}

/* One bad byte anywhere between ASCII is seen. */
static void
test_fast_path(void)
{
    char text[64];
    bool fine = true;

    for (size_t length = 1; length <= sizeof(text); length++)
        for (size_t i = 0; i < length; i++) {
            memset(text, 'a', sizeof(text));
            text[i] = (char)0x80;
            fine = fine && !utf8_is_valid(text, length);
            text[i] = (char)0xC3;
            fine = fine && !utf8_is_valid(text, length);
        }
    ok(fine, "one bad byte among up to 64");
}

int
main(void)
{
    test_examples();
    test_cuts();
    test_fast_path();
    test_exhaustively();
    return done_testing();
}
