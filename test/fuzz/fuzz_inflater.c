/* What a client sends compressed: it becomes a text within bounds, or an error, and leaves no trace. */
#include "server/inflater.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

#include "pubsub/deflater.h"
#include "rooms/utf8.h"
#include "server/websocket.h"

#define MESSAGE_MAX 4096

static struct websocket_event
expand(struct inflater *inflater, const void *data, size_t size)
{
    struct websocket_event event = {
        .kind = WEBSOCKET_EVENT_TEXT,
        .data = data,
        .length = size,
        .compressed = true,
    };
    bool is_expanded = inflater_expand(inflater, &event);

    assert(is_expanded == (event.kind == WEBSOCKET_EVENT_TEXT));
    if (is_expanded)
        assert(!event.compressed && event.length <= MESSAGE_MAX &&
               utf8_is_valid(event.data, event.length));
    else
        assert(event.code == WEBSOCKET_CLOSE_INVALID_DATA || event.code == WEBSOCKET_CLOSE_TOO_BIG);
    return event;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct inflater *inflater;
    static char packed[2 * MESSAGE_MAX];

    if (inflater == NULL)
        inflater = inflater_open(MESSAGE_MAX);
    assert(inflater != NULL);
    (void)expand(inflater, data, size);
    /* Whatever that was, the next message is inflated as if it had not been. */
    if (size == 0 || size > MESSAGE_MAX)
        return 0;
    struct deflater *deflater = deflater_begin(packed, sizeof(packed));
    assert(deflater != NULL);
    deflater_add(deflater, data, size);
    size_t length = deflater_finish(deflater);
    assert(length > 0);
    struct websocket_event event = expand(inflater, packed, length);
    if (utf8_is_valid((const char *)data, size))
        assert(event.kind == WEBSOCKET_EVENT_TEXT && event.length == size &&
               memcmp(event.data, data, size) == 0);
    else
        assert(event.code == WEBSOCKET_CLOSE_INVALID_DATA);
    return 0;
}
