"""Groups 1 to 5: frames (RFC 6455, 5)."""
from conformance import *

heading("1", "framing")

for length in 0, len(HELLO), 125, 126, 127, 128, 65535, 65536:
    case("1.1", f"a text of {length} bytes", frame(TEXT, padded("hello", length) if length else b""),
         *([echo("hello")] if length else []))
case("1.1", "65,536 bytes in writes of 997", in_writes(frame(TEXT, padded("hello", 65536)), 997),
     echo("hello"))
case("1.1", "many texts in one write", frame(TEXT, HELLO) * 20, *[echo("hello")] * 20)

for length in 0, 1, 125, 126, 127, 128, 65535, 65536:
    case("1.2", f"a binary message of {length} bytes", frame(BINARY, b"\xfe" * length), bad(1003))
case("1.2", "a binary message after a text", frame(TEXT, HELLO) + frame(BINARY, HELLO), echo("hello"),
     bad(1003))
case("1.2", "the first fragment of a binary message", frame(BINARY, b"x", fin=False), bad(1003))

for length, size in (0, 16), (125, 16), (0, 64), (125, 64), (126, 64), (65535, 64):
    case("1.3", f"a length of {length} in {size} bits",
         frame(TEXT, padded("hello", length) if length else b"", size=size), bad(1002))
case("1.3", "a length with its top bit set", frame(TEXT, announce=2 ** 63), bad(1002))
case("1.3", "a length of 64 ones", frame(TEXT, announce=2 ** 64 - 1), bad(1002))

for name, data in (("text", frame(TEXT, HELLO, mask=False)), ("empty text", frame(TEXT, mask=False)),
                   ("ping", frame(PING, mask=False)), ("pong", frame(PONG, mask=False)),
                   ("close", frame(CLOSE, b"\x03\xe8", mask=False))):
    case("1.4", f"an unmasked {name}", data, bad(1002))
case("1.4", "an unmasked continuation",
     frame(TEXT, HELLO, fin=False) + frame(CONTINUATION, mask=False), bad(1002))
case("1.4", "an unmasked text after one that is masked",
     frame(TEXT, HELLO) + frame(TEXT, HELLO, mask=False), echo("hello"), bad(1002))
for key in b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x01", b"\x80\0\0\0", b'{"ac':
    case("1.4", f"a mask of {key.hex()}", frame(TEXT, padded("masked", 301), key=key), echo("masked"))
case("1.4", "texts of each length from 14 to 60, each with a mask of its own",
     b"".join(frame(TEXT, said("m" * n)) for n in range(1, 48)), *[echo("m" * n) for n in range(1, 48)])

heading("2", "pings and pongs")

for payload in b"", b"hello", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"y" * 125:
    case("2.1", f"a ping of {len(payload)} bytes, then a text", frame(PING, payload) + frame(TEXT, HELLO),
         pong(payload), echo("hello"))
case("2.1", "a ping of 125 bytes in single bytes", in_writes(frame(PING, b"z" * 125), 1), pong(b"z" * 125))
case("2.1", "ten pings in one write", b"".join(frame(PING, b"%d" % i) for i in range(10)),
     *[pong(b"%d" % i) for i in range(10)])
case("2.1", "ten pings in single bytes", in_writes(b"".join(frame(PING, b"%d" % i) for i in range(10)), 1),
     *[pong(b"%d" % i) for i in range(10)])
case("2.1", "300 pings, more than have their turn at once", b"".join(frame(PING, b"%d" % i) for i in range(300)),
     *[pong(b"%d" % i) for i in range(300)])
case("2.1", "pings and texts in turn", (frame(PING, b"a") + frame(TEXT, HELLO)) * 5,
     *[pong(b"a"), echo("hello")] * 5)

for opcode in PING, PONG:
    case("2.2", f"a {NAMES[opcode]} of 126 bytes", frame(opcode, b"x" * 126), bad(1002))
    case("2.2", f"a {NAMES[opcode]} that announces 126 bytes", frame(opcode, announce=126), bad(1002))
    case("2.2", f"a {NAMES[opcode]} that announces 2^40 bytes", frame(opcode, announce=2 ** 40), bad(1002))

case("2.3", "an unasked pong, empty", frame(PONG))
case("2.3", "an unasked pong of 125 bytes", frame(PONG, b"x" * 125))
case("2.3", "an unasked pong, then a ping", frame(PONG, b"unasked") + frame(PING, b"asked"), pong(b"asked"))
case("2.3", "ten unasked pongs in single bytes", in_writes(frame(PONG, b"x") * 10, 1))

heading("3", "reserved bits")

for reserved in range(1, 8):
    case("3.1", f"{reserved:03b} at a text", frame(TEXT, HELLO, reserved=reserved), bad(1002))
for reserved in range(1, 8):
    case("3.2", f"{reserved:03b} at the second of three texts",
         frame(TEXT, HELLO) + frame(TEXT, HELLO, reserved=reserved) + frame(TEXT, HELLO), echo("hello"),
         bad(1002))
for opcode in PING, PONG, CLOSE, BINARY:
    for reserved in 1, 2, 4:
        case("3.3", f"{reserved:03b} at a {NAMES[opcode]}",
             frame(opcode, b"\x03\xe8", reserved=reserved), bad(1002))
for reserved in 1, 2, 4:
    case("3.4", f"{reserved:03b} at a continuation", frame(TEXT, HELLO[:5], fin=False)
         + frame(CONTINUATION, HELLO[5:], reserved=reserved), bad(1002))
case("3.5", "111 at a text in single bytes, after one without",
     in_writes(frame(TEXT, HELLO) + frame(TEXT, HELLO, reserved=7), 1), echo("hello"), bad(1002))

heading("4", "opcodes")

for group, opcodes in (("4.1", range(3, 8)), ("4.2", range(11, 16))):
    for opcode in opcodes:
        case(group, f"opcode {opcode}, empty", frame(opcode), bad(1002))
        case(group, f"opcode {opcode} after a text, and a ping after it",
             frame(TEXT, HELLO) + frame(opcode, b"x") + frame(PING), echo("hello"), bad(1002))
        case(group, f"opcode {opcode} within a fragmented text",
             frame(TEXT, HELLO[:5], fin=False) + frame(opcode, b"x"), bad(1002))

heading("5", "fragmentation")

for opcode in PING, PONG, CLOSE:
    case("5.1", f"a {NAMES[opcode]} in two fragments",
         frame(opcode, b"\x03", fin=False) + frame(CONTINUATION, b"\xe8"), bad(1002))
case("5.1", "a ping without its end", frame(PING, fin=False), bad(1002))

for size in 1, 2, 7, len(HELLO) - 1, len(HELLO):
    case("5.2", f"a text in fragments of {size} bytes, in one write", in_fragments(HELLO, size), echo("hello"))
    case("5.2", f"a text in fragments of {size} bytes, in single bytes",
         in_writes(in_fragments(HELLO, size), 1), echo("hello"))
case("5.2", "empty fragments before, within and behind", frame(TEXT, fin=False)
     + frame(CONTINUATION, fin=False) + frame(CONTINUATION, HELLO[:5], fin=False)
     + frame(CONTINUATION, fin=False) + frame(CONTINUATION, HELLO[5:], fin=False) + frame(CONTINUATION),
     echo("hello"))
case("5.2", "ten fragmented texts in one write", in_fragments(HELLO, 4) * 10, *[echo("hello")] * 10)

case("5.3", "a ping between two fragments", in_fragments(HELLO, 9, between=frame(PING, b"p")), pong(b"p"),
     echo("hello"))
case("5.3", "pings and pongs between fragments of a byte",
     in_fragments(HELLO, 1, between=frame(PING, b"p") + frame(PONG, b"p")),
     *[pong(b"p")] * (len(HELLO) - 1), echo("hello"))
case("5.3", "the same in single bytes", in_writes(in_fragments(HELLO, 1, between=frame(PING, b"p")), 1),
     *[pong(b"p")] * (len(HELLO) - 1), echo("hello"))
case("5.3", "a close between two fragments", in_fragments(HELLO, 9, between=close_frame(1001)), closed(1001))

for fin in True, False:
    which = "the last" if fin else "not the last"
    case("5.4", f"a continuation of nothing, {which}", frame(CONTINUATION, HELLO, fin=fin), bad(1002))
    case("5.4", f"a continuation of nothing, {which}, and a text", frame(CONTINUATION, b"x", fin=fin)
         + frame(TEXT, HELLO), bad(1002))
    case("5.4", f"a continuation after a whole text, {which}",
         frame(TEXT, HELLO) + frame(CONTINUATION, b" ", fin=fin), echo("hello"), bad(1002))
    case("5.4", f"a continuation after a fragmented text, {which}",
         in_fragments(HELLO, 9) + frame(CONTINUATION, b" ", fin=fin), echo("hello"), bad(1002))
    case("5.4", f"a text within a fragmented one, {which}",
         frame(TEXT, HELLO[:5], fin=False) + frame(TEXT, HELLO[5:], fin=fin), bad(1002))
case("5.4", "a binary message within a fragmented text",
     frame(TEXT, HELLO[:5], fin=False) + frame(BINARY, HELLO[5:]), bad(1002))
