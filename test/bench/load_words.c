/* What people say, more or less: common words more often than others, and never the same twice. */
#include "test/bench/load.h"

#include <string.h>

static const char *const words[] = {
    "the",      "to",       "and",       "I",         "you",           "a",        "it",
    "is",       "that",     "of",        "in",        "for",           "on",       "we",
    "this",     "not",      "be",        "have",      "with",          "what",     "can",
    "do",       "just",     "so",        "was",       "are",           "if",       "but",
    "me",       "my",       "they",      "there",     "will",          "at",       "like",
    "get",      "know",     "time",      "think",     "now",           "one",      "about",
    "how",      "all",      "see",       "your",      "when",          "would",    "people",
    "work",     "good",     "right",     "tomorrow",  "okay",          "thanks",   "still",
    "because",  "really",   "meeting",   "yesterday", "somebody",      "question", "server",
    "version",  "release",  "customer",  "please",    "morning",       "lunch",    "deploy",
    "branch",   "looks",    "probably",  "another",   "documentation", "weekend",  "problem",
    "testing",  "finished", "waiting",   "number",    "office",        "already",  "minutes",
    "sounds",   "later",    "maybe",     "anything",  "different",     "change",   "together",
    "language", "picture",  "important", "remember",  "nothing",
};

#define WORD_COUNT (sizeof(words) / sizeof(*words))

static uint32_t
next_random(void)
{
    static uint32_t state = 1;

    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

void
load_vary(char *to, size_t length)
{
    size_t at = 0;

    while (at < length) {
        /* The product of two is small more often than large. */
        uint64_t both = (uint64_t)(next_random() & 0xffff) * (next_random() & 0xffff);
        const char *word = words[both * WORD_COUNT >> 32];
        for (; *word != '\0' && at < length; word++)
            to[at++] = *word;
        if (at < length)
            to[at++] = ' ';
    }
}
