/* What a client sends as frames: however it is cut, the same events come of it, within bounds. */
#include "server/websocket.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

#define MESSAGE_MAX 4096
#define INPUT_MAX   16384

/* What came of the input: a digest of all events, and how many bytes were taken. */
struct outcome {
    uint64_t digest;
    size_t taken;
};

static void
add(struct outcome *outcome, const void *data, size_t length)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < length; i++)
        outcome->digest = (outcome->digest ^ bytes[i]) * UINT64_C(0x100000001b3);
}

static void
add_event(struct outcome *outcome, const struct websocket_event *event)
{
    add(outcome, &event->kind, sizeof(event->kind));
    switch (event->kind) {
    case WEBSOCKET_EVENT_TEXT:
        assert(event->length <= MESSAGE_MAX);
        add(outcome, &event->compressed, sizeof(event->compressed));
        add(outcome, event->data, event->length);
        break;
    case WEBSOCKET_EVENT_PING:
    case WEBSOCKET_EVENT_PONG:
        assert(event->length <= WEBSOCKET_CONTROL_MAX);
        add(outcome, event->data, event->length);
        break;
    case WEBSOCKET_EVENT_CLOSE:
        add(outcome, &event->code, sizeof(event->code));
        break;
    case WEBSOCKET_EVENT_ERROR:
        assert(event->code >= 1000 && event->reason != NULL);
        add(outcome, &event->code, sizeof(event->code));
        break;
    case WEBSOCKET_EVENT_NONE:
        break;
    }
}

/* Decodes the input as it comes in reads of `step` bytes each; what is compressed stays so. */
static struct outcome
decode(const uint8_t *data, size_t size, size_t step, bool deflates)
{
    static char buffer[INPUT_MAX];
    struct outcome outcome = {0};
    struct websocket_decoder decoder;
    size_t start = 0;

    websocket_decoder_init(&decoder, MESSAGE_MAX);
    if (deflates)
        websocket_decoder_allow_compressed(&decoder);
    for (size_t end = 0; end < size;) {
        size_t more = size - end < step ? size - end : step;
        memcpy(buffer + end, data + end, more);
        end += more;
        for (;;) {
            struct websocket_event event;
            size_t used = websocket_decode(&decoder, buffer + start, end - start, &event);
            assert(used <= end - start);
            if (event.kind != WEBSOCKET_EVENT_NONE)
                add_event(&outcome, &event);
            start += used;
            if (used == 0 || start == end)
                break;
        }
        (void)websocket_frame_needs(buffer + start, end - start);
    }
    websocket_decoder_release(&decoder);
    outcome.taken = start;
    return outcome;
}

static void
compare(const uint8_t *data, size_t size, bool deflates)
{
    struct outcome whole = decode(data, size, INPUT_MAX, deflates);

    for (size_t step = 1; step <= 7; step += 3) {
        struct outcome pieces = decode(data, size, step, deflates);
        assert(pieces.digest == whole.digest && pieces.taken == whole.taken);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_MAX)
        return 0;
    compare(data, size, false);
    compare(data, size, true);
    return 0;
}
