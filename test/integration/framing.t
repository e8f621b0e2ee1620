#!/usr/bin/python3 -B
"""The framing rules of RFC 6455 over a plain socket."""
from chat import *

JOIN = '{"action":"join-room","message":"framing"}'


def refused(name, data, *codes):
    """A test: these bytes end the connection with one of the codes; the server goes on."""
    @test(f"{name}: {' or '.join(map(str, codes))}")
    def _(server):
        raw = Raw(server)
        raw.send(data)
        code = raw.close_code()
        assert code in codes, f"closed with {code}"
        raw.close()


def taken(name, *pieces):
    """A test: these bytes, sent piece by piece, are a command that is done."""
    @test(name)
    def _(server):
        raw = Raw(server)
        for piece in pieces:
            raw.send(piece)
        raw.expect("room-joined")
        raw.close()


# ---- what breaks the protocol ---------------------------------------------------------------

refused("an unmasked text", frame(TEXT, JOIN, mask=False), 1002)
refused("an unmasked ping", frame(PING, mask=False), 1002)
refused("an unmasked close", frame(CLOSE, b"\x03\xe8", mask=False), 1002)
for bit in 1, 2, 4:
    refused(f"reserved bits {bit:03b}", frame(TEXT, JOIN, reserved=bit), 1002)
refused("a reserved bit in a ping", frame(PING, reserved=4), 1002)
for opcode in 3, 4, 5, 6, 7, 11, 12, 13, 14, 15:
    refused(f"reserved opcode {opcode}", frame(opcode, b"x"), 1002)
refused("a fragmented ping", frame(PING, b"x", fin=False), 1002)
refused("a fragmented close", frame(CLOSE, b"\x03\xe8", fin=False), 1002)
refused("a ping of 126 bytes", frame(PING, b"x" * 126), 1002)
refused("a close of 126 bytes", close_frame(1000, b"x" * 124), 1002)
refused("a continuation of nothing", frame(CONTINUATION, JOIN), 1002)
refused("a continuation after a whole message", frame(TEXT, JOIN) + frame(CONTINUATION, "x"), 1002)
refused("a new message within a fragmented one", frame(TEXT, "{", fin=False) + frame(TEXT, JOIN), 1002)
refused("a length in 16 bits that fits into 7", frame(TEXT, JOIN, size=16), 1002)
refused("a length in 64 bits that fits into 16", frame(TEXT, JOIN, size=64), 1002)

refused("a binary message", frame(BINARY, JOIN), 1003)
refused("the first fragment of a binary message", frame(BINARY, b"x", fin=False), 1003)

for name, data in (
        ("a lone continuation byte", b"\x80"), ("0xFF", b"\xff"), ("an overlong NUL", b"\xc0\x80"),
        ("an overlong slash", b"\xe0\x80\xaf"), ("a surrogate", b"\xed\xa0\x80"),
        ("above U+10FFFF", b"\xf4\x90\x80\x80"), ("five bytes", b"\xf8\x88\x80\x80\x80"),
        ("a character cut short at the end", b"abc\xe2\x82")):
    refused(f"text that is no UTF-8, {name}", frame(TEXT, b'"' + data), 1007)
refused("a character cut by the end of a fragmented message",
        frame(TEXT, b"\xe2", fin=False) + frame(CONTINUATION, b"\x82"), 1007)
refused("bad UTF-8 in a fragment, before the message is whole", frame(TEXT, b"\xff", fin=False), 1007)
refused("bad UTF-8 across two fragments, before the message is whole",
        frame(TEXT, b"\xe2\x82", fin=False) + frame(CONTINUATION, b"\x41", fin=False), 1007)
refused("a close whose reason is no UTF-8", close_frame(1000, b"\xff"), 1007)

refused("65,537 bytes announced, and none of them sent", frame(TEXT, announce=65537), 1009)
refused("2^31 bytes announced", frame(TEXT, announce=2 ** 31), 1009)
refused("2^62 bytes announced", frame(TEXT, announce=2 ** 62), 1009)
refused("2^63 bytes announced", frame(TEXT, announce=2 ** 63), 1002, 1009)
refused("fragments of 65,537 bytes together",
        frame(TEXT, " " * 60000, fin=False) + frame(CONTINUATION, announce=5537), 1009)
refused("thousands of fragments", frame(TEXT, " " * 100, fin=False)
        + frame(CONTINUATION, " " * 100, fin=False) * 1000, 1009)

# ---- what is taken --------------------------------------------------------------------------

taken("a text is taken", frame(TEXT, JOIN))
taken("byte by byte", *[bytes([byte]) for byte in frame(TEXT, JOIN)])
taken("65,536 bytes are taken", frame(TEXT, JOIN + " " * (65536 - len(JOIN))))
taken("65,536 bytes in 17 fragments are taken", frame(TEXT, JOIN, fin=False)
      + frame(CONTINUATION, " " * 4094, fin=False) * 15
      + frame(CONTINUATION, " " * (65536 - len(JOIN) - 4094 * 15)))
taken("a length in 16 bits: 126 bytes", frame(TEXT, JOIN + " " * (126 - len(JOIN))))
taken("fragments of one byte", frame(TEXT, JOIN[0], fin=False)
      + b"".join(frame(CONTINUATION, byte, fin=False) for byte in JOIN[1:])
      + frame(CONTINUATION))
taken("empty fragments", frame(TEXT, fin=False), frame(CONTINUATION, fin=False),
      frame(CONTINUATION, JOIN, fin=False), frame(CONTINUATION))
taken("an unasked pong", frame(PONG, b"x"), frame(PONG), frame(TEXT, JOIN))
taken("an empty text", frame(TEXT), frame(TEXT, JOIN))
taken("a mask key of zeros, and a header in two pieces", frame(TEXT, JOIN)[:1],
      frame(TEXT, JOIN)[1:2], b"\x00" * 4 + JOIN.encode())


@test("a character cut by a fragment's end is put together")
def _(server):
    raw = Raw(server)
    text = '{"action":"join-room","message":"€ 🐉"}'.encode()
    for i in range(1, len(text)):
        raw.send(frame(TEXT, text[:i], fin=False) + frame(CONTINUATION, text[i:]))
        equal(raw.expect("room-joined")["target"]["name"], "€ 🐉")
    raw.close()


@test("many frames in one segment, and control frames between fragments")
def _(server):
    raw = Raw(server)
    raw.send(frame(TEXT, JOIN[:9], fin=False) + frame(PING, b"between") + frame(PONG))
    equal(raw.control(PONG), b"between")
    raw.send(frame(CONTINUATION, JOIN[9:]) + frame(TEXT, '{"action":"nothing"}') * 20)
    raw.expect("room-joined")
    for _ in range(20):
        raw.expect("error", code="unknown-action")
    raw.close()


@test("a ping is answered with the same data: none, some, 125 bytes, and many in their order")
def _(server):
    raw = Raw(server)
    payloads = [b"", b"x", b"\x00\xff" * 60, b"y" * 125] + [str(i).encode() for i in range(50)]
    raw.send(b"".join(frame(PING, payload) for payload in payloads))
    for payload in payloads:
        equal(raw.control(PONG), payload)
    raw.close()


@test("each mask key unmasks, at any length")
def _(server):
    raw = Raw(server)
    for length in range(1, 40):
        raw.send(frame(TEXT, json.dumps({"action": "join-room", "message": "m" * length})))
        equal(raw.expect("room-joined")["target"]["name"], "m" * length)
    raw.close()


# ---- closing --------------------------------------------------------------------------------

for code in 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999:
    @test(f"a close with {code} is answered with it, and the connection ends")
    def _(server, code=code):
        raw = Raw(server)
        raw.send(close_frame(code, "why € 🐉".encode()))
        equal(raw.close_code(), code)
        raw.close()

for code in 0, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2999, 5000, 65535:
    refused(f"a close with the code {code}", close_frame(code), 1002)
refused("a close with half a code", frame(CLOSE, b"\x03"), 1002)


@test("an empty close is answered, with 1000 or nothing in it")
def _(server):
    raw = Raw(server)
    raw.send(frame(CLOSE))
    assert raw.close_code() in (0, 1000)
    raw.close()


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
