#!/usr/bin/python3 -B
"""What broken and ended connections leave behind. The rules of RFC 6455 are in conformance.t."""
from chat import *

JOIN = '{"action":"join-room","message":"framing"}'


@test("nothing that comes after a close is done")
async def _(server):
    ann = await Client.connect(server, "Ann")
    room = await ann.join("after close")
    raw = Raw(server, "Late")
    raw.document({"action": "join-room", "message": "after close"})
    raw.expect("room-joined")
    await ann.expect("user-join", sender={"name": "Late"})
    raw.send(frame(TEXT, json.dumps(message(room, "before"))) + close_frame(1000)
             + frame(TEXT, json.dumps(message(room, "after"))))
    equal(raw.close_code(), 1000)
    raw.close()
    await ann.expect("send-message", message="before")
    await ann.expect("user-left", sender={"name": "Late"})
    await ann.post(room, "end")
    await ann.expect("send-message", message="end")
    equal(ann.has("send-message", message="after"), [])
    await ann.close()


@test("connections that end anywhere in a frame leave nothing behind")
def _(server):
    data = frame(TEXT, JOIN[:20], fin=False) + frame(CONTINUATION, JOIN[20:])
    for length in range(0, len(data), 3):
        raw = Raw(server)
        raw.send(data[:length])
        (raw.abort if length % 2 else raw.close)()
    until(lambda: server.metric("chatd_clients") == 0, "no client is left")


run()
