"""Group 14: the opening handshake (RFC 6455, 4.2)."""
from conformance import *

FIELDS = {"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade",
          "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}


def asked(method="GET", path="/ws?name=Raw", version="1.1", more=(), **changed):
    """A request for an upgrade; `changed` are header fields, and None takes one out."""
    fields = {**FIELDS, **{name.replace("_", "-"): value for name, value in changed.items()}}
    lines = [f"{method} {path} HTTP/{version}"]
    lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([*lines, *more, "", ""]).encode()


def answered(title, request, *outcomes, sent=frame(TEXT, HELLO)):
    case("14.1" if outcomes[0] == "http 101" else "14.2", title, sent, *outcomes, request=request)


heading("14", "the opening handshake")

for title, request in (
        ("the RFC's own key", asked()), ("WebSocket in other letters", asked(Upgrade="WebSocket")),
        ("upgrade among others in Connection", asked(Connection="keep-alive, Upgrade")),
        ("upgrade in small letters", asked(Connection="upgrade")),
        ("names of fields in small letters", asked(**{name: None for name in FIELDS}, more=[
            f"{name.lower()}: {value}" for name, value in FIELDS.items()])),
        ("fields that nobody knows", asked(more=["X-Unknown: x", "Cookie: a=b"])),
        ("a subprotocol, of which none is agreed", asked(Sec_WebSocket_Protocol="chat, superchat")),
        ("an origin of its own", asked(Origin="http://localhost"))):
    answered(title, request, "http 101", echo("hello"))

for title, request, outcome in (
        ("POST", asked("POST", more=["Content-Length: 0"]), "http 405 bad-request"),
        ("HTTP/1.0", asked(version="1.0"), "http 400 bad-request"),
        ("no Upgrade", asked(Upgrade=None), "http 426 bad-request"),
        ("an upgrade to something else", asked(Upgrade="h2c"), "http 426 bad-request"),
        ("no Connection", asked(Connection=None), "http 426 bad-request"),
        ("a Connection without upgrade", asked(Connection="keep-alive"), "http 426 bad-request"),
        ("no version", asked(Sec_WebSocket_Version=None), "http 426 bad-request"),
        ("version 8", asked(Sec_WebSocket_Version="8"), "http 426 bad-request"),
        ("version 14", asked(Sec_WebSocket_Version="14"), "http 426 bad-request"),
        ("version 013", asked(Sec_WebSocket_Version="013"), "http 426 bad-request"),
        ("no key", asked(Sec_WebSocket_Key=None), "http 400 bad-request"),
        ("an empty key", asked(Sec_WebSocket_Key=""), "http 400 bad-request"),
        ("a key of 15 bytes", asked(Sec_WebSocket_Key=base64.b64encode(b"x" * 15).decode()),
         "http 400 bad-request"),
        ("a key of 17 bytes", asked(Sec_WebSocket_Key=base64.b64encode(b"x" * 17).decode()),
         "http 400 bad-request"),
        ("a key of 24 characters that are no bytes", asked(Sec_WebSocket_Key="A" * 24), "http 400 bad-request"),
        ("a key that is no base64", asked(Sec_WebSocket_Key="*" * 22 + "=="), "http 400 bad-request"),
        ("a key in the alphabet of URLs", asked(Sec_WebSocket_Key="-_" * 11 + "=="), "http 400 bad-request"),
        ("two keys", asked(more=["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]), "http 400 bad-request"),
        ("another path", asked(path="/"), "http 404 bad-request"),
        ("an origin of somebody else", asked(Origin="http://evil.example"), "http 403 origin-refused"),
        ("no name", asked(path="/ws"), "http 400 bad-name")):
    answered(title, request, outcome)

answered("a frame that does not wait for the answer", asked() + frame(TEXT, HELLO), "http 101", bad(1002), sent=())
