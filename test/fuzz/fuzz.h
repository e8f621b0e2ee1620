/* What the fuzzers have in common: each is a program of its own, with this function as its test. */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of exactly that size, so that reading beyond it is found. The caller frees it. */
char *fuzz_copy(const uint8_t *data, size_t size);

/* The same, as a string. */
char *fuzz_string(const uint8_t *data, size_t size);

/* How deep objects and arrays are in each other. */
unsigned fuzz_depth(const cJSON *item);

#endif
