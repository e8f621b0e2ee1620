"""Groups 7, 9 and 10: closing, limits, and sizes of writes."""
from conformance import *

heading("7", "closing")

for name, data in (("nothing", b""), ("a ping", frame(PING)), ("a text", frame(TEXT, HELLO)),
                   ("another close", close_frame(1001)), ("a frame that breaks the protocol", frame(3)),
                   ("a continuation", frame(CONTINUATION)), ("half a frame", frame(TEXT, HELLO)[:9])):
    case("7.1", f"a text, a close, and {name} after it", frame(TEXT, HELLO) + close_frame(1000) + data,
         echo("hello"), closed(1000))
case("7.1", "a close in single bytes, and a ping after it",
     in_writes(close_frame(1000, b"good bye") + frame(PING), 1), closed(1000))
case("7.1", "65,536 bytes of text, and a close", frame(TEXT, padded("hello", 65536)) + close_frame(1000),
     echo("hello"), closed(1000))

case("7.2", "a close with nothing in it", frame(CLOSE), closed("no code"))
case("7.2", "half a code", frame(CLOSE, b"\x03"), bad(1002))
case("7.2", "a code alone", close_frame(1000), closed(1000))
case("7.2", "a reason", close_frame(1000, "why € 🐉".encode()), closed(1000))
case("7.2", "a reason of 123 bytes", close_frame(1000, b"x" * 123), closed(1000))
case("7.2", "a reason of 124 bytes", close_frame(1000, b"x" * 124), bad(1002))
for reason in b"\xff", b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", b"cut \xe2\x82":
    case("7.2", f"a reason that is no UTF-8: {reason[-8:].hex()}", close_frame(1000, reason), bad(1007))

for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000,
             4999):
    case("7.3", f"the code {code}, which is answered with it", close_frame(code, b"why"), closed(code))
for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 65535):
    case("7.4", f"the code {code}, which is none", close_frame(code), bad(1002))

heading("9", "limits")

for size in 64, 1024, 4096, 65535:
    case("9.1", f"65,536 bytes in fragments of {size}", in_fragments(padded("hello", 65536), size), echo("hello"))
    case("9.1", f"65,537 bytes in fragments of {size}", in_fragments(padded("hello", 65537), size), bad(1009))
for announced in 65537, 2 ** 31, 2 ** 32, 2 ** 62:
    case("9.2", f"{announced:,} bytes announced, and none sent", frame(TEXT, announce=announced), bad(1009))
    case("9.2", f"{announced:,} bytes announced by a continuation",
         frame(TEXT, HELLO[:5], fin=False) + frame(CONTINUATION, announce=announced), bad(1009))
case("9.2", "one byte too many announced by a continuation",
     frame(TEXT, padded("hello", 60000), fin=False) + frame(CONTINUATION, announce=5537), bad(1009))
case("9.2", "fragments without an end",
     frame(TEXT, b" " * 100, fin=False) + frame(CONTINUATION, b" " * 100, fin=False) * 1000, bad(1009))
case("9.3", "200 texts in one write", frame(TEXT, HELLO) * 200, *[echo("hello")] * 200)
case("9.3", "256 documents in a text", frame(TEXT, b"\n".join([HELLO] * 256)), *[echo("hello")] * 256)
case("9.3", "257 documents in a text", frame(TEXT, b"\n".join([HELLO] * 257)), *[echo("hello")] * 256, bad(1008))
case("9.4", "objects 16 deep", frame(TEXT, b'{"a":' * 15 + HELLO + b"}" * 15), "error bad-request")
case("9.4", "objects 17 deep", frame(TEXT, b'{"a":' * 16 + HELLO + b"}" * 16), "error bad-json")
case("9.4", "brackets, 65,536 of them", frame(TEXT, b"[" * 65536), "error bad-json")

heading("10", "different chop sizes")

SESSION = b"".join((
    frame(TEXT, HELLO), frame(PING, b"first"), in_fragments(said("Grüße 🐉"), 3, between=frame(PONG, b"x")),
    frame(TEXT, padded("126", 126)), frame(TEXT), frame(TEXT, padded("long", 3000)), frame(PING, b"p" * 125),
    in_fragments(padded("two", 700), 351, between=frame(PING, b"between"))))
OUTCOMES = (echo("hello"), pong(b"first"), echo("Grüße 🐉"), echo("126"), echo("long"), pong(b"p" * 125),
            pong(b"between"), echo("two"))
for size in 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 61, 125, 126, 127, 128, 997, 1000, 1024, 4096:
    case("10.1", f"all kinds of frames in writes of {size}", in_writes(SESSION, size), *OUTCOMES)
    case("10.2", f"the same, and then a frame that breaks the protocol, in writes of {size}",
         in_writes(SESSION + frame(TEXT, HELLO, mask=False), size), *OUTCOMES, bad(1002))
for size in 64, 256, 1000, 4096, 65536:
    case("10.3", f"65,536 bytes in one frame, in writes of {size}",
         in_writes(frame(TEXT, padded("hello", 65536)), size), echo("hello"))
