"""Group 6: text is UTF-8 (RFC 6455, 8.1)."""
from conformance import *

heading("6", "UTF-8")

case("6.1", "an empty text", frame(TEXT))
case("6.1", "an empty text in three fragments", frame(TEXT, fin=False)
     + frame(CONTINUATION, fin=False) + frame(CONTINUATION))

for text in ("Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "\u007f", "\u0080", "\u07ff", "\u0800", "\u0fff", "\u1000",
             "\ucfff", "\ud7ff", "\ue000", "\ufdd0", "\ufffd", "\ufffe", "\uffff", "\U00010000", "\U0001fffe",
             "\U0001ffff", "\U0003ffff", "\U000fffff", "\U00100000", "\U0010fffe", "\U0010ffff",
             "\u202e\u0301", "🐉👩‍👩‍👧"):
    data = said(text)
    pieces = [frame(TEXT, data)]
    pieces += [frame(TEXT, data[:i], fin=False) + frame(CONTINUATION, data[i:])
               for i in range(1, len(data))]
    pieces += [in_fragments(data, 1)] + in_writes(frame(TEXT, data), 1)
    name = text if text.isprintable() else " ".join(f"U+{ord(each):04X}" for each in text)
    case("6.2", f"{name}: whole, cut at each byte, in fragments of a byte, in single bytes", pieces,
         *[echo(text)] * (len(data) + 2))

for name, data in (
        *((f"{each:02x}, a continuation of nothing", bytes([each])) for each in (0x80, 0x8f, 0x9f, 0xbf)),
        ("six continuations", b"\x80\xbf" * 3),
        *((f"{each:02x} alone", bytes([each]))
          for each in (0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4)),
        *((f"{each:02x}, which is never there", bytes([each]))
          for each in (0xc0, 0xc1, 0xf5, 0xf7, 0xf8, 0xfb, 0xfc, 0xfd, 0xfe, 0xff)),
        *((f"{each.hex()}, cut short", each) for each in (
            b"\xe0\xa0", b"\xed\x9f", b"\xef\xbf", b"\xf0\x90\x80", b"\xf1\x80", b"\xf4\x8f\xbf")),
        *((f"{each.hex()}, longer than it has to be", each) for each in (
            b"\xc0\x80", b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\x80", b"\xe0\x80\xaf", b"\xe0\x9f\xbf",
            b"\xf0\x80\x80\xaf", b"\xf0\x8f\xbf\xbf", b"\xf8\x80\x80\x80\xaf",
            b"\xfc\x80\x80\x80\x80\xaf")),
        *((f"{each.hex()}, a surrogate", each) for each in (
            b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80",
            b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80")),
        *((f"{each.hex()}, above U+10FFFF", each) for each in (
            b"\xf4\x90\x80\x80", b"\xf7\xbf\xbf\xbf", b"\xf8\x88\x80\x80\x80", b"\xfb\xbf\xbf\xbf\xbf",
            b"\xfc\x84\x80\x80\x80\x80"))):
    data = b'{"action":"' + "é".encode() + data + b'x"}'
    case("6.3", f"{name}: in one frame", frame(TEXT, data), bad(1007))
    case("6.3", f"{name}: in fragments of a byte", in_fragments(data, 1), bad(1007))
    case("6.3", f"{name}: in a fragment, and nothing after it", frame(TEXT, data[:-2], fin=False), bad(1007))
    case("6.3", f"{name}: in a frame, and the rest of it is not sent",
         frame(TEXT, data + b" " * 100)[:-102], bad(1007))

for size, data in ((2, b"\xc3"), (3, b"\xe2"), (3, b"\xe2\x82"), (4, b"\xf0"), (4, b"\xf0\x9f\x90")):
    case("6.4", f"{len(data)} of a character's {size} bytes, and the text ends", frame(TEXT, b'"' + data), bad(1007))
    case("6.4", f"{len(data)} of a character's {size} bytes, and the fragmented text ends",
         frame(TEXT, b'"', fin=False) + frame(CONTINUATION, data), bad(1007))
case("6.4", "a character cut by a fragment's end, and not gone on with",
     frame(TEXT, b'"\xe2\x82', fin=False) + frame(CONTINUATION, b"A", fin=False), bad(1007))
case("6.4", "a text, and one that is none", frame(TEXT, HELLO) + frame(TEXT, b"\xff"), echo("hello"), bad(1007))
case("6.4", "bytes that are no UTF-8 in a ping and a pong", frame(PING, b"\xff") + frame(PONG, b"\xff"), pong(b"\xff"))
