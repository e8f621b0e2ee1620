/* What arrives on the bus: nothing passes without the proof, and behind it nothing is out of bounds. */
#include "pubsub/payload.h"
#include "rooms/event.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHANNEL "chat:general"

static const unsigned char key[PUBSUB_KEY_SIZE] = "whoever has this is an instance";

static void
read_all(const char *data, size_t length)
{
    struct payload_reader reader;
    struct event_general event;
    const char *text;
    size_t text_length;
    uint64_t seq;

    if (payload_open(&reader, key, CHANNEL, data, length) != 0)
        return;
    while (payload_next(&reader, &seq, &text, &text_length)) {
        assert(text >= data && text_length <= (size_t)(data + length - text));
        if (event_general_parse(text, text_length, &event) == 0)
            assert(memchr(event.user_id, '\0', sizeof(event.user_id)) != NULL &&
                   memchr(event.user_name, '\0', sizeof(event.user_name)) != NULL);
    }
}

/* As if an instance had written it: the proof is right, the rest is the input. */
static void
read_sealed(const uint8_t *data, size_t size)
{
    struct payload payload = {0};

    int error = payload_begin(&payload, "instance", 1, 1);
    assert(error == 0);
    char *grown = realloc(payload.data, payload.length + size + 1);
    assert(grown != NULL);
    payload.data = grown;
    payload.capacity = payload.length + size + 1;
    if (size > 0)
        memcpy(grown + payload.length, data, size);
    payload.length += size;
    payload.count = 1;
    payload_seal(&payload, key, CHANNEL);
    read_all(payload.data, payload.length);
    payload_release(&payload);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct payload_reader reader;
    struct event_general event;

    if (size > PAYLOAD_MAX / 2)
        return 0;
    char *text = fuzz_copy(data, size);
    int error = payload_open(&reader, key, CHANNEL, text, size);
    assert(error == -EBADMSG);
    (void)event_general_parse(text, size, &event);
    free(text);
    read_sealed(data, size);
    return 0;
}
