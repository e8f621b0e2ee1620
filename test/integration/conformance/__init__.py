"""The machine of conformance.t: cases on a raw socket, in the manner of the Autobahn test suite.

case("1.1", "what is sent", frames, *expected) adds one; its number is the next below 1.1. chatd is no
echo server, but says back of an unknown action which one it was: said("x") is such a command, and
"echo x" its outcome. What comes back has to be exactly what is expected, in this order. Where the
connection is not to end, a last command and a Close from our side show that it has lived, and that
nothing else came.
"""
import concurrent.futures
import hashlib

from chat import *

ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
AT_ONCE = 8
ENDS = "the connection ends"
NAMES = {CONTINUATION: "continuation", TEXT: "text", BINARY: "binary", CLOSE: "close", PING: "ping",
         PONG: "pong"}
PROBE = "is anybody there?"
HELLO = b'{"action":"hello"}'

cases = []
_headings = {}
_counts = {}


class Case:
    def __init__(self, number, title, sent, expected, offers, request, tells):
        self.number = number
        self.title = title
        self.writes = [sent] if isinstance(sent, bytes) else list(sent)
        self.offers = offers
        self.request = request or upgrade_request("Raw", extensions=offers)
        self.is_told = tells or request is not None  # the answer to the upgrade is an outcome, too
        self.expected = list(expected)
        self.is_refused = any(each.startswith("http ") and each != "http 101" for each in expected)
        self.is_probed = not self.is_refused and not any(
            each.startswith(("closed ", "refused ")) for each in self.expected)
        if self.is_probed:
            self.expected += [echo(PROBE), closed(1000)]
        if not self.is_refused:
            self.expected.append(ENDS)
        self.got = []


def heading(number, title):
    _headings[number] = title


def case(group, title, sent=(), *expected, offers=(), request=None, tells=False):
    _counts[group] = _counts.get(group, 0) + 1
    cases.append(
        Case(f"{group}.{_counts[group]}", title, sent, expected, offers, request, tells))


def said(text):
    """A command whose outcome is f"echo {text}"; at most 256 bytes come back."""
    return json.dumps({"action": text}, ensure_ascii=False, separators=(",", ":")).encode()


def padded(text, length):
    """The same with white space behind it, to that many bytes."""
    return said(text).ljust(length)


def in_writes(data, size):
    return [data[i:i + size] for i in range(0, len(data), size)]


def in_fragments(payload, size, between=b"", **settings):
    """The frames of a message cut into pieces of this size, with other frames between them."""
    parts = in_writes(payload, size) or [b""]
    frames = [frame(TEXT, parts[0], fin=len(parts) == 1, **settings)]
    frames += [frame(CONTINUATION, part, fin=False) for part in parts[1:-1]]
    return between.join(frames + [frame(CONTINUATION, part) for part in parts[1:][-1:]])


def echo(text):
    return f"echo {text}"


def pong(payload=b""):
    return f"pong {payload!r}"


def bad(code):
    """The server closes because the client broke a rule, and says which."""
    return f"refused with {code}"


def closed(code):
    """The server answers the client's Close."""
    return f"closed with {code}"


# ---- how a case is played ---------------------------------------------------------------------


def _outcome_of_document(document):
    """What a document tells, or None for what others do."""
    action = document["action"]
    if action == "error":
        is_echo = document["code"] == "unknown-action"
        return echo(document["refused"]) if is_echo else f"error {document['code']}"
    if action in ("welcome", "user-join", "user-left"):
        return None
    return action


def _read_answer(raw, case):
    """The outcome of the upgrade: its status, and the code of a refusal."""
    while b"\r\n\r\n" not in raw.buffer:
        data = raw.socket.recv(4096)
        if not data:
            raise EOFError("the upgrade was not answered")
        raw.buffer += data
    head, raw.buffer = raw.buffer.split(b"\r\n\r\n", 1)
    status = head.decode("latin-1").split()[1]
    fields = dict(re.findall(r"^([\w-]+): *([^\r\n]*)", head.decode("latin-1"), re.MULTILINE))
    if status != "101":
        while data := raw.socket.recv(4096):
            raw.buffer += data
        return f"http {status} {json.loads(raw.buffer)['code']}"
    key = re.search(rb"^Sec-WebSocket-Key: *(\S+)", case.request, re.MULTILINE | re.IGNORECASE)
    accept = hashlib.sha1(key.group(1) + ACCEPT_SUFFIX.encode()).digest()
    equal(fields["Sec-WebSocket-Accept"], base64.b64encode(accept).decode(), "Sec-WebSocket-Accept")
    equal((fields["Upgrade"].lower(), fields["Connection"].lower()), ("websocket", "upgrade"))
    raw.agreed = fields.get("Sec-WebSocket-Extensions")
    return "http 101"


def _read_outcomes(raw, got):
    while True:
        try:
            opcode, payload = raw.read()
        except EOFError:
            equal(raw.buffer, b"", "bytes of a frame before the end")
            got.append(ENDS)
            return
        if opcode == TEXT:
            documents = [json.loads(line) for line in payload.decode().split("\n") if line]
            got += filter(None, map(_outcome_of_document, documents))
        elif opcode == CLOSE:
            code = int.from_bytes(payload[:2], "big") if payload else "no code"
            got.append(bad(code) if payload[2:].decode() else closed(code))
        else:
            got.append(f"{NAMES[opcode]} {payload!r}")


def _play(server, case):
    raw = Raw(server, upgrade=False)
    raw.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        raw.send(case.request)
        answer = _read_answer(raw, case)
        if case.is_told:
            case.got.append(answer)
            if case.offers and answer == "http 101":
                case.got.append(f"agreed {raw.agreed}")
        if answer != "http 101":
            return
        writes = case.writes
        if case.is_probed:
            writes = writes + [frame(TEXT, said(PROBE)) + close_frame(1000)]
        for data in writes:
            raw.send(data)
        _read_outcomes(raw, case.got)
    except Exception as error:
        case.got.append(f"{type(error).__name__}: {error}")
    finally:
        raw.close()


@functools.cache
def play_all(server):
    """Plays all cases, some at a time."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(functools.partial(_play, server), cases))


def tests_of_cases():
    """A test for each case."""
    for each in cases:
        @test(f"{each.number} {each.title}")
        def _(server, each=each):
            play_all(server)
            equal(each.got, each.expected, f"after {each.number}, {_shown(each.writes)}: outcome")


# ---- the report -------------------------------------------------------------------------------


def _frames_shown(data):
    """The frames of what a client sends, as far as they are there."""
    at = 0
    while at < len(data):
        if len(data) - at < 2:
            yield "a byte of a frame"
            return
        first, second = data[at], data[at + 1]
        length, at = second & 0x7F, at + 2
        if length > 125:
            size = 2 if length == 126 else 8
            length, at = int.from_bytes(data[at:at + size], "big"), at + size
        at += 4 if second & 0x80 else 0
        there = max(0, len(data) - at)
        name = NAMES.get(first & 15, f"opcode {first & 15}")
        yield "".join((name, f" of {length}", f", {there} sent" if there < length else "",
                       "" if first & 0x80 else ", unfinished", "" if second & 0x80 else ", unmasked",
                       f", reserved {first >> 4 & 7:03b}" if first >> 4 & 7 else ""))
        at += length


def _shown(writes):
    frames = [(name, len(list(same)))
              for name, same in itertools.groupby(_frames_shown(b"".join(writes)))]
    text = "; ".join(name if count == 1 else f"{count} × {name}" for name, count in frames[:8])
    more = "; …" if len(frames) > 8 else ""
    return text + more + (f" (in {len(writes)} writes)" if len(writes) > 1 else "") or "nothing"


def _short(outcomes):
    texts = [each if len(each) < 60 else each[:50] + "…" for each in outcomes]
    return [(name if count == 1 else f"{count} × {name}")
            for name, count in ((name, len(list(same))) for name, same in itertools.groupby(texts))]


def _write(name, text):
    """Several builds may be tested at the same time: whoever is last has its report there, whole."""
    folder = os.path.join(TOP, "artefacts")
    os.makedirs(folder, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, os.path.join(folder, name))


def write_report(server):
    """Writes artefacts/conformance.json and .txt; returns how many cases went as expected."""
    version = json.loads(server.request("/healthz")[2])["version"]
    rows = [{"number": each.number, "group": _headings[each.number.split(".")[0]], "title": each.title,
             "sent": _shown(each.writes), "offered": list(each.offers), "expected": each.expected,
             "got": each.got, "passed": each.got == each.expected} for each in cases]
    passed = sum(row["passed"] for row in rows)
    lines = [f"chatd {version}: RFC 6455 and RFC 7692 in {len(rows)} cases, "
             f"{passed} of them as expected"]
    for group, members in itertools.groupby(rows, lambda row: row["group"]):
        members = list(members)
        lines += ["", f"{members[0]['number'].split('.')[0]} {group}: "
                  f"{sum(row['passed'] for row in members)} of {len(members)}"]
        for row in members:
            lines += [f"  {row['number']:8}{'ok  ' if row['passed'] else 'BAD '}{row['title']}",
                      f"{'':14}sent      {row['sent']}",
                      f"{'':14}expected  {'; '.join(_short(row['expected']))}"]
            if not row["passed"]:
                lines.append(f"{'':14}got       {'; '.join(_short(row['got']))}")
    _write("conformance.json", json.dumps({"version": version, "cases": rows}, indent=1,
                                          ensure_ascii=False) + "\n")
    _write("conformance.txt", "\n".join(lines) + "\n")
    return passed
