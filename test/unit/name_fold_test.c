/* Names as they are compared: what is the same name, what is not, and what is none. */
#include "rooms/name_fold.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "test/unit/tap.h"

struct pair {
    const char *one;
    const char *other;
    const char *name;
};

static const struct pair same[] = {
    {"ann", "ANN", "case"},
    {"\xC3\x89mile", "\xC3\xA9MILE", "case beyond ASCII"},
    {"stra\xC3\x9F"
     "e",
     "STRASSE", "sharp s"},
    {"\xCF\x83\xCE\xBF\xCF\x82", "\xCE\xA3\xCE\x9F\xCE\xA3", "both small sigmas"},
    {"\xC3\xA9mile", "e\xCC\x81mile", "composed and decomposed"},
    {"\xEF\xBC\xA1nn", "ann", "full width"},
    {"\xEF\xAC\x81n", "fin", "a ligature"},
    {"\xE2\x84\xAA", "k", "the sign of kelvin"},
    {"\xE2\x85\xA3", "iv", "a Roman number"},
    {"\xF0\x9D\x93\x90nn", "ann", "letters of mathematics"},
    {"x\xC2\xB2", "x2", "a superscript"},
    {"an\xC2\xADn", "ann", "a soft hyphen"},
    {"an\xE2\x80\x8Dn", "ann", "a joiner"},
    {"ann\xE2\x80\x8B", "ann", "a space without width"},
    {"ann\xEF\xB8\x8F", "ann", "a variation selector"},
    {"ann\xF3\xA0\x81\xA1", "ann", "a tag"},
    {"ann\xE3\x85\xA4", "ann", "a filler that is only one once it is normalised"},
    {"e\xE2\x80\x8D\xCC\x81", "\xC3\xA9", "what composes once a joiner is out"},
    {"ann lee", "ann\xC2\xA0lee", "a space that does not break"},
    {"ann lee", "ann \xE3\x80\x80 \xE2\x80\x83lee", "many spaces"},
    {"ann", " ann\xE1\x9A\x80", "spaces at the ends"},
    {"ann", "\xE2\x80\x8B ann \xE2\x80\x8B", "spaces that something unseen hides"},
};

static const struct pair different[] = {
    {"ann", "anna", "another name"},
    {"ann lee", "annlee", "a space between"},
    {"\xC3\xA9", "e", "an accent"},
    {"\xC4\xB1", "i", "a dotless i"},
    {"\xD0\xB0nn", "ann", "a letter of another script"},
    {"ann\xF0\x9F\x98\x80", "ann\xF0\x9F\x98\x81", "emoji"},
    {"1", "2", "digits"},
};

static void
test_pairs(void)
{
    char one[NAME_FOLD_SIZE];
    char other[NAME_FOLD_SIZE];

    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
        ok(name_fold(same[i].one, one) == 0 && name_fold(same[i].other, other) == 0 &&
               strcmp(one, other) == 0,
           "the same: %s", same[i].name);
    for (size_t i = 0; i < sizeof(different) / sizeof(*different); i++)
        ok(name_fold(different[i].one, one) == 0 && name_fold(different[i].other, other) == 0 &&
               strcmp(one, other) != 0,
           "not the same: %s", different[i].name);
    ok(name_fold("Ann\tLEE", one) == 0 && strcmp(one, "ann lee") == 0, "the text itself");
}

static bool
is_refused(const char *name)
{
    char folded[NAME_FOLD_SIZE] = "left over";
    return name_fold(name, folded) == -EINVAL && folded[0] == '\0';
}

/* U+FDFA has 3 bytes and becomes 33. */
static void
test_bounds(void)
{
    char folded[NAME_FOLD_SIZE];
    char name[128] = "";

    ok(is_refused(""), "an empty name is none");
    ok(is_refused("\xE2\x80\x8D\xEF\xB8\x8F"), "nor is one of which nothing is seen");
    ok(is_refused(" \xC2\xA0"), "nor one of spaces");
    ok(is_refused("ann\xFF"), "nor what is no UTF-8");
    ok(is_refused("ann\xE2\x82"), "nor what ends within a character");
    ok(is_refused("\xED\xA0\x80"), "nor a surrogate");
    memset(name, 'A', 64);
    ok(name_fold(name, folded) == 0 && strlen(folded) == 64, "64 bytes");
    name[64] = 'A';
    ok(is_refused(name), "65 are too many");
    for (size_t i = 0; i < 8; i++)
        memcpy(name + 3 * i, "\xEF\xB7\xBA", 4);
    ok(is_refused(name), "what would grow to 264 is none");
    name[21] = '\0';
    ok(name_fold(name, folded) == 0 && strlen(folded) == 231, "what grows to 231 bytes");
}

static void
encode(uint32_t point, char out[5])
{
    unsigned size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned first[] = {0, 0, 0xC0, 0xE0, 0xF0};

    for (unsigned i = size; i-- > 1; point >>= 6)
        out[i] = (char)(0x80 | (point & 0x3F));
    out[0] = (char)(first[size] | point);
    out[size] = '\0';
}

/* Every character of the planes that have letters: folding what is folded changes nothing. */
static void
test_fixpoint(void)
{
    char name[16];
    char character[5];
    char once[NAME_FOLD_SIZE];
    char twice[NAME_FOLD_SIZE];
    uint32_t failed = 0;

    for (uint32_t point = 1; point < 0xE1000 && failed == 0; point++) {
        if (point >= 0xD800 && point < 0xE000)
            continue;
        if (point == 0x20000)
            point = 0xE0000; /* ideographs, and nothing */
        encode(point, character);
        (void)snprintf(name, sizeof(name), "a%s\xCC\x81", character);
        if (name_fold(name, once) != 0 || name_fold(once, twice) != 0 || strcmp(once, twice) != 0)
            failed = point;
    }
    ok(failed == 0, "folding twice is folding once, for each character (failed: U+%04X)", failed);
}

int
main(void)
{
    test_pairs();
    test_bounds();
    test_fixpoint();
    return done_testing();
}
