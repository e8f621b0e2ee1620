#!/usr/bin/python3 -B
"""permessage-deflate: what it costs, and what clients get. The rules of RFC 7692 are in conformance.t."""
from chat import *

OFFER = "permessage-deflate"
JOIN = '{"action":"join-room","message":"compressed"}'
RSV1 = 4


def compressed(text, **settings):
    return frame(TEXT, deflate(text), reserved=RSV1, **settings)


# ---- what is agreed ---------------------------------------------------------------------------


@test("--compression=off: nothing is agreed, and nothing is compressed")
def _():
    with Server("--compression=off") as server:
        raw = Raw(server, extensions=[OFFER])
        equal(raw.agreed, None)
        raw.expect("welcome")
        raw.send(compressed(JOIN))
        equal(raw.close_code(), 1002)
        raw.close()
        equal(server.metric("chatd_clients_deflating_total"), 0)


@test("a library's client, which keeps its context to itself")
async def _(server):
    before = server.metric("chatd_clients_deflating_total")
    async with websockets.connect(f"ws://127.0.0.1:{server.port}/ws?name=Lib") as websocket:
        equal(len(websocket.extensions), 1, "extensions")
        for i in range(20):
            await websocket.send('{"action":"join-room","message":"library %d"}' % i)
        joined = 0
        while joined < 20:
            for line in (await asyncio.wait_for(websocket.recv(), LIMIT)).split("\n"):
                joined += json.loads(line)["action"] == "room-joined"
    equal(server.metric("chatd_clients_deflating_total") - before, 1)


@test("bombs cost no memory, and hold nobody up")
async def _(server):
    ann = await Client.connect(server)
    bomb = compressed(b" " * 40_000_000)
    Raw(server, extensions=[OFFER]).close()
    before = server.status("VmRSS")
    for _ in range(100):
        raw = Raw(server, extensions=[OFFER])
        raw.send(bomb)
        equal(raw.close_code(), 1009)
        raw.close()
    await ann.round_trip()
    grown = server.status("VmRSS") - before
    assert grown < 8000 or b"san_init" in open(CHATD, "rb").read(), f"grown by {grown} kB"
    await ann.close()


# ---- what they get ---------------------------------------------------------------------------


def read_until(raw, room, seq):
    """All messages of the room up to that one, in the order in which they came."""
    raw.expect("send-message", target={"id": room}, seq=seq)


def shrunk(raw, since=0):
    """Of the compressed frames: how many they are, and their bytes."""
    sizes = [size for is_compressed, size in raw.frames[since:] if is_compressed]
    return len(sizes), sum(sizes)


@test("with and without in one room: the same documents, in the same order")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("mixed")
    packed = [Raw(server, name=f"packed {i}", extensions=[OFFER]) for i in range(2)]
    plain = Raw(server, name="plain")
    for each in (*packed, plain):
        each.document({"action": "join-room", "message": "mixed"})
        each.expect("room-joined")
    texts = [f"{i} " + "word " * (i % 40) for i in range(300)]
    for start in range(0, 300, 50):
        await ann.send(*(message(room, text, f"m{start}-{i}")
                         for i, text in enumerate(texts[start:start + 50])))
        await ann.expect("send-message", target={"id": room}, seq=start + 50)
    for each in (*packed, plain):
        seen = []
        while len(seen) < 300:
            opcode, payload = each.read()
            equal(opcode, TEXT)
            seen += [document["message"] for document in map(json.loads, payload.decode().split("\n"))
                     if "seq" in document]
        equal(seen, texts, "what came")
    equal(shrunk(plain)[0], 0, "compressed frames for who cannot take them")
    count, size = shrunk(packed[0])
    assert 0 < count and size < sum(s for _, s in plain.frames) / 2, f"{size} bytes in {count} frames"
    for each in (*packed, plain):
        each.close()
    await ann.close()


@test("pages of history and what was missed are a third of what they were; what is short is as it is")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("past")
    await fill(ann, room, 200, text="what was said, and how it was said, in number")
    sizes = {}
    for extensions in (), (OFFER,):
        raw = Raw(server, extensions=extensions)
        raw.document({"action": "join-room", "message": "past", "since": 0})
        raw.expect("room-joined")
        start = len(raw.frames)
        read_until(raw, room, 200)
        missed = sum(size for _, size in raw.frames[start:])
        raw.document({"action": "history", "target": {"id": room}, "limit": 200, "id": "h"})
        page = raw.expect("history", id="h")
        equal([each["seq"] for each in page["messages"]], list(range(1, 201)))
        sizes[extensions] = missed, raw.frames[-1][1]
        raw.document({"action": "nothing"})
        raw.expect("error", code="unknown-action")
        equal(raw.frames[-1][0], False, "a short document compressed")
        raw.send(frame(PING, b"x" * 125))
        equal(raw.control(PONG), b"x" * 125)
        raw.close()
    for plain, packed in zip(*sizes.values()):
        assert packed < plain / 3, f"{packed} instead of {plain} bytes"
    await ann.close()


@test("the list of who is online is compressed, and whole")
async def _(server):
    people = await connect_all(server, *(f"Somebody {i}" for i in range(40)))
    raw = Raw(server, name="Zoe", extensions=[OFFER])
    names = set()
    while "Zoe" not in names or len(names) < 41:
        _, payload = raw.read()
        found = {document["sender"]["name"] for document in map(json.loads, payload.decode().split("\n"))
                 if document["action"] == "user-join"}
        if len(found) > 20:
            assert raw.frames[-1][0] and raw.frames[-1][1] < len(payload) / 2, raw.frames
        names |= found
    assert {each.name for each in people} < names, names
    raw.close()
    await close_all(*people)


@test("who reads slowly gets everything, compressed")
async def _():
    with Server("--outbox=100000000") as server:
        ann = await Client.connect(server)
        room = await ann.join("slow")
        raw = Raw(server, name="slow", receive_buffer=4096, extensions=[OFFER])
        raw.document({"action": "join-room", "message": "slow"})
        raw.expect("room-joined")
        texts = []
        # Text that shrinks, but not to nothing, until it is more than the sockets take.
        while server.metric("chatd_outbox_bytes") < 100_000:
            assert len(texts) < 5000, "nothing waits"
            some = [base64.b64encode(os.urandom(6000)).decode() for _ in range(6)]
            await ann.send(*(message(room, text, f"s{len(texts)}-{i}") for i, text in enumerate(some)))
            texts += some
            await ann.expect("send-message", target={"id": room}, seq=len(texts))
        for seq, text in enumerate(texts, 1):
            equal(raw.expect("send-message", seq=seq)["message"], text)
        assert shrunk(raw)[0] > 0
        equal(server.metric("chatd_outbox_bytes"), 0, "bytes that wait")
        raw.close()
        await ann.close()


@test("/metrics tells what it has spared")
async def _(server):
    before, after = (server.metric(f"chatd_deflate_{which}bytes_total") for which in ("plain_", ""))
    assert 0 < after < before, f"{after} of {before}"


run()
