"""Groups 12 and 13: permessage-deflate (RFC 7692)."""
from conformance import *

OFFER = "permessage-deflate"
ANSWER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
RSV1 = 4


def compressed(text, **settings):
    return frame(TEXT, deflate(text, **settings), reserved=RSV1)


def deflated(group, title, sent, *expected):
    """A case of a connection on which compression was agreed."""
    case(group, title, sent, *expected, offers=[OFFER])


heading("12", "compression: what is sent")

for length in 16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536:
    payload = deflate(padded("hello", length))
    deflated("12.1", f"ten texts of {length} bytes", frame(TEXT, payload, reserved=RSV1) * 10,
             *[echo("hello")] * 10)
    deflated("12.1", f"a text of {length} bytes in fragments of 7, with pings between",
             in_fragments(payload, 7, between=frame(PING, b"p"), reserved=RSV1),
             *[pong(b"p")] * ((len(payload) - 1) // 7), echo("hello"))
for level in 0, 1, 9:
    for bits in 9, 12, 15:
        deflated("12.2", f"a window of {bits} bits, level {level}",
                 compressed(padded("hello", 20000), bits=bits, level=level), echo("hello"))
for name, strategy in (("Huffman codes only", zlib.Z_HUFFMAN_ONLY), ("runs only", zlib.Z_RLE),
                       ("fixed codes", zlib.Z_FIXED)):
    deflated("12.2", name, compressed(padded("hello", 20000), strategy=strategy), echo("hello"))
for size in 1, 2, 3, 5, 8, 64:
    deflated("12.3", f"compressed, in writes of {size}", in_writes(compressed(said("Grüße 🐉")) * 3, size),
             *[echo("Grüße 🐉")] * 3)
deflated("12.3", "fragments of a byte", in_fragments(deflate(HELLO), 1, reserved=RSV1), echo("hello"))
deflated("12.3", "an empty first fragment, and an empty last one",
         frame(TEXT, fin=False, reserved=RSV1) + frame(CONTINUATION, deflate(HELLO), fin=False)
         + frame(CONTINUATION), echo("hello"))
deflated("12.3", "compressed and not, in turn", (compressed(HELLO) + frame(TEXT, HELLO)) * 3, *[echo("hello")] * 6)
deflated("12.3", "an empty text", compressed(b"") + frame(TEXT, HELLO), echo("hello"))
deflated("12.3", "a block for each byte",
         (lambda packer: frame(TEXT, b"".join(
             packer.compress(HELLO[i:i + 1]) + packer.flush(zlib.Z_SYNC_FLUSH)
             for i in range(len(HELLO)))[:-4], reserved=RSV1))(zlib.compressobj(wbits=-15)), echo("hello"))

heading("13", "compression: what is agreed, and what breaks it")

for offers, answer in (
        ([OFFER], ANSWER), ([f"{OFFER}; client_max_window_bits"], ANSWER),
        ([f"{OFFER}; client_max_window_bits=9"], ANSWER),
        ([f"{OFFER}; server_no_context_takeover; client_no_context_takeover"], ANSWER),
        ([f"{OFFER}; server_max_window_bits=15"], f"{ANSWER}; server_max_window_bits=13"),
        ([f'{OFFER}; server_max_window_bits="14"'], f"{ANSWER}; server_max_window_bits=13"),
        ([f"{OFFER}; server_max_window_bits=13"], f"{ANSWER}; server_max_window_bits=13"),
        ([f"{OFFER}; server_max_window_bits=9, {OFFER}"], ANSWER), (["foo", f"bar, {OFFER}"], ANSWER),
        ([f"{OFFER}; server_max_window_bits=12"], None), ([f"{OFFER}; server_max_window_bits=8"], None),
        ([f"{OFFER}; server_max_window_bits=16"], None), ([f"{OFFER}; server_max_window_bits"], None),
        ([f"{OFFER}; client_max_window_bits=7"], None), ([f"{OFFER}; mystery"], None),
        ([f"{OFFER}; client_no_context_takeover=1"], None),
        ([f"{OFFER}; client_max_window_bits=8; client_max_window_bits"], None),
        (["x-webkit-deflate-frame"], None)):
    case("13.1", " and ".join(offers), frame(TEXT, HELLO) + (compressed(HELLO) if answer else b""),
         "http 101", f"agreed {answer}", *[echo("hello")] * (2 if answer else 1), offers=offers, tells=True)
for offer in f"{OFFER};", f'{OFFER}; server_max_window_bits="15', "=", ",;,", f"{OFFER} x":
    case("13.1", f"no list of extensions: {offer}", (), "http 400 bad-request",
         offers=[offer], tells=True)

case("13.2", "compressed, and that was not agreed", compressed(HELLO), bad(1002))
case("13.2", "compressed, and the offer was declined", compressed(HELLO), bad(1002), offers=[f"{OFFER}; mystery"])
deflated("13.2", "RSV1 at a continuation, too",
         frame(TEXT, deflate(HELLO)[:5], fin=False, reserved=RSV1)
         + frame(CONTINUATION, deflate(HELLO)[5:], reserved=RSV1), bad(1002))
deflated("13.2", "RSV1 at a continuation only",
         frame(TEXT, HELLO[:5], fin=False) + frame(CONTINUATION, deflate(HELLO[5:]), reserved=RSV1), bad(1002))
for opcode in PING, PONG, CLOSE:
    deflated("13.2", f"a compressed {NAMES[opcode]}", frame(opcode, deflate(b"x"), reserved=RSV1), bad(1002))
for reserved in 1, 2, 3, 5, 6, 7:
    deflated("13.2", f"reserved bits {reserved:03b}", frame(TEXT, deflate(HELLO), reserved=reserved), bad(1002))
deflated("13.2", "a compressed binary message", frame(BINARY, deflate(HELLO), reserved=RSV1), bad(1003))

deflated("13.3", "text that was not compressed", frame(TEXT, HELLO, reserved=RSV1), bad(1007))
deflated("13.3", "no byte at all", frame(TEXT, reserved=RSV1), bad(1007))
deflated("13.3", "cut short", frame(TEXT, deflate(HELLO)[:-4], reserved=RSV1), bad(1007))
deflated("13.3", "a block of no kind", frame(TEXT, b"\x07\x00", reserved=RSV1), bad(1007))
deflated("13.3", "a distance that goes back before the text", frame(TEXT, b"\x02\x02\x00", reserved=RSV1), bad(1007))
deflated("13.3", "a second text in the first one's context",
         (lambda packer: b"".join(
             frame(TEXT, (packer.compress(b"{}" * 9) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4], reserved=RSV1)
             for _ in range(2)))(zlib.compressobj(wbits=-15)), *["error bad-request"] * 9, bad(1007))
deflated("13.3", "what inflates to no UTF-8", compressed(b'"\xff"'), bad(1007))
deflated("13.3", "what inflates to a character cut short", compressed(b'"\xe2\x82'), bad(1007))
deflated("13.3", "what breaks after a text that does not",
         compressed(HELLO) + frame(TEXT, HELLO, reserved=RSV1), echo("hello"), bad(1007))

deflated("13.4", "65,536 bytes, once inflated", compressed(padded("hello", 65536)), echo("hello"))
deflated("13.4", "65,537 bytes, once inflated", compressed(padded("hello", 65537)), bad(1009))
deflated("13.4", "65,537 bytes announced", frame(TEXT, reserved=RSV1, announce=65537), bad(1009))
deflated("13.4", "a bomb of 40 MB", compressed(b" " * 40_000_000), bad(1009))
deflated("13.4", "256 documents", compressed(b"\n".join([HELLO] * 256)), *[echo("hello")] * 256)
deflated("13.4", "257 documents", compressed(b"\n".join([HELLO] * 257)), *[echo("hello")] * 256, bad(1008))
deflated("13.4", "objects 17 deep", compressed(b'{"a":' * 17 + b"1" + b"}" * 17), "error bad-json")
deflated("13.4", "a NUL in what is inflated", compressed(b'{"a":"\\u0000"}'), "error bad-json")
