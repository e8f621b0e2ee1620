#!/usr/bin/python3 -B
"""permessage-deflate (RFC 7692): what is agreed, what clients send compressed, and what they get."""
from chat import *

OFFER = "permessage-deflate"
ANSWER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
JOIN = '{"action":"join-room","message":"compressed"}'
RSV1 = 4


def compressed(text, **settings):
    return frame(TEXT, deflate(text), reserved=RSV1, **settings)


# ---- the handshake ---------------------------------------------------------------------------


@test("an offer that can be kept is accepted, and answered with what holds")
def _(server):
    for offers, answer in (
            ([], None), ([OFFER], ANSWER), ([f"{OFFER}; client_max_window_bits"], ANSWER),
            ([f"{OFFER}; server_max_window_bits=\"14\""], f"{ANSWER}; server_max_window_bits=13"),
            ([f"{OFFER}; server_max_window_bits=9, {OFFER}"], ANSWER),
            (["foo", f"bar, {OFFER}"], ANSWER),
            ([f"{OFFER}; server_max_window_bits=8"], None), ([f"{OFFER}; mystery"], None),
            ([f"{OFFER}; client_max_window_bits=8; client_max_window_bits"], None),
            (["x-webkit-deflate-frame"], None)):
        raw = Raw(server, extensions=offers)
        equal(raw.agreed, answer, f"answer to {offers}")
        raw.expect("welcome")
        raw.send(frame(TEXT, JOIN))  # which may always be uncompressed
        raw.expect("room-joined")
        raw.close()


@test("a header that is no list of extensions is refused")
def _(server):
    for offer in f"{OFFER};", f"{OFFER}; server_max_window_bits=\"15", "=":
        raw = Raw(server, upgrade=False)
        raw.send(upgrade_request("Ann", extensions=["foo", offer]))
        answer = raw.socket.recv(4096)
        assert answer.startswith(b"HTTP/1.1 400 "), answer
        raw.close()


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


# ---- what clients send -----------------------------------------------------------------------


def refused(name, data, code, extensions=(OFFER,)):
    """A test: these bytes end the connection with the code; the server goes on."""
    @test(f"{name}: {code}")
    def _(server):
        raw = Raw(server, extensions=extensions)
        before = server.metric("chatd_protocol_errors_closed_total")
        raw.send(data)
        equal(raw.close_code(), code, "closed with")
        equal(server.metric("chatd_protocol_errors_closed_total") - before, 1, "counted")
        raw.close()


def taken(name, *pieces):
    """A test: these bytes, sent piece by piece, are a command that is done."""
    @test(name)
    def _(server):
        raw = Raw(server, extensions=[OFFER])
        for piece in pieces:
            raw.send(piece)
        raw.expect("room-joined")
        raw.close()


def in_fragments(payload, size):
    """The frames of a compressed message, with a pong before each but the first."""
    parts = [payload[i:i + size] for i in range(0, len(payload), size)]
    frames = [frame(TEXT, parts[0], fin=False, reserved=RSV1)]
    for part in parts[1:]:
        frames += [frame(PONG, b"p"), frame(CONTINUATION, part, fin=False)]
    return b"".join(frames) + frame(CONTINUATION)


taken("a compressed text is taken", compressed(JOIN))
taken("byte by byte", *[bytes([byte]) for byte in compressed(JOIN)])
taken("compressed in fragments of one byte, with pongs between", in_fragments(deflate(JOIN), 1))
taken("65,536 bytes, once inflated", compressed(JOIN + " " * (65536 - len(JOIN))))
taken("compressed and not, in turn", compressed("{}") + frame(TEXT, "{}") + compressed(JOIN))

refused("compressed, and that was not agreed", compressed(JOIN), 1002, extensions=())
refused("RSV1 at a continuation", frame(TEXT, deflate(JOIN)[:5], fin=False, reserved=RSV1)
        + frame(CONTINUATION, deflate(JOIN)[5:], reserved=RSV1), 1002)
refused("a compressed ping", frame(PING, deflate("x"), reserved=RSV1), 1002)
refused("a compressed close", frame(CLOSE, deflate("x"), reserved=RSV1), 1002)
refused("RSV2", frame(TEXT, deflate(JOIN), reserved=RSV1 | 2), 1002)
refused("a compressed binary message", frame(BINARY, deflate(JOIN), reserved=RSV1), 1003)
refused("text that was not compressed", frame(TEXT, JOIN, reserved=RSV1), 1007)
refused("no byte at all", frame(TEXT, b"", reserved=RSV1), 1007)
refused("compressed text cut short", frame(TEXT, deflate(JOIN)[:-4], reserved=RSV1), 1007)
refused("a second message in the first one's context",
        (lambda packer: b"".join(
            frame(TEXT, (packer.compress(b"{}" * 9) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4], reserved=RSV1)
            for _ in range(2)))(zlib.compressobj(wbits=-15)), 1007)
refused("what inflates to no UTF-8", compressed(b'"\xff"'), 1007)
refused("what inflates to a character cut short", compressed(b'"\xe2\x82'), 1007)
refused("65,537 bytes, once inflated", compressed(JOIN + " " * (65537 - len(JOIN))), 1009)
refused("65,537 bytes announced", frame(TEXT, reserved=RSV1, announce=65537), 1009)
refused("a bomb of 40 MB", compressed(b" " * 40_000_000), 1009)
refused("257 documents", compressed("{}\n" * 257), 1008)


@test("JSON's limits count for what is inflated, and an error is answered")
def _(server):
    raw = Raw(server, extensions=[OFFER])
    raw.send(compressed('{"a":' * 17 + "1" + "}" * 17) + compressed('{"a":"\\u0000"}'))
    for _ in range(2):
        raw.expect("error", code="bad-json")
    raw.send(compressed(json.dumps(message("nowhere", "x"))))
    raw.expect("error", code="not-a-member")
    raw.close()


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
