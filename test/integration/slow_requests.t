#!/usr/bin/python3 -B
"""Requests that do not come to their end: nobody else waits for them, and they end."""
import select

from chat import *

WAITING_MAX = 256
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


class Plain:
    """A connection that says what it is told to."""

    def __init__(self, server, data=b"", source="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT,
                                               source_address=(source, 0))
        self.send(data)

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        """Everything that is said until the end."""
        said = b""
        try:
            while data := self.socket.recv(65536):
                said += data
        except ConnectionResetError:
            pass
        self.socket.close()
        return said


@test("while many have sent half a request, others are served")
async def _(server):
    half = [Plain(server, HEAD) for _ in range(200)]
    await until_async(lambda: server.metric("chatd_requests_waiting") == 200, "they wait")
    ann = await Client.connect(server, "Ann")
    room = await ann.join("room")
    await ann.post(room, "hello")
    equal(server.request("/")[0], 200)
    half[0].send(b"\r\n")
    assert half[0].answer().startswith(b"HTTP/1.1 200 "), "who goes on is served"
    for each in half[1:]:
        assert each.answer().startswith(b"HTTP/1.1 408 "), "who does not is told so"
    equal(server.metric("chatd_requests_timed_out_total"), 199)
    equal(server.metric("chatd_requests_waiting"), 0)
    await ann.post(room, "still there")
    await ann.close()


@test("a request may come byte by byte, and in the middle of it others")
def _(server):
    slow = Plain(server)
    for byte in HEAD + b"\r\n":
        slow.send(bytes([byte]))
        if byte == ord("H"):
            equal(server.request("/healthz")[0], 200)
    assert slow.answer().startswith(b"HTTP/1.1 200 ")


@test("as do the requests of clients")
def _(server):
    raw = Raw(server, upgrade=False)
    request = upgrade_request("Slow")
    for i in range(0, len(request), 7):
        raw.send(request[i:i + 7])
    raw.read_head()
    raw.document({"action": "join-room", "message": "slow"})
    raw.expect("room-joined")
    raw.close()
    until(lambda: server.metric("chatd_clients") == 0, "it is gone")


@test("of more than may wait the oldest goes")
def _(server):
    before = server.metric("chatd_requests_displaced_total")
    half = [Plain(server, HEAD)]
    until(lambda: server.metric("chatd_requests_waiting") == 1, "it waits")
    half += [Plain(server, HEAD) for _ in range(WAITING_MAX)]
    equal(half[0].answer(), b"", "what the oldest is told")
    assert server.metric("chatd_requests_displaced_total") > before, "it is counted"
    half[-1].send(b"\r\n")
    assert half[-1].answer().startswith(b"HTTP/1.1 200 "), "the newest is served"
    for each in half[1:-1]:
        each.socket.close()
    until(lambda: server.metric("chatd_requests_waiting") == 0, "who goes is forgotten")


@test("of a crowd that comes at once nobody goes")
def _(server):
    crowd = [Plain(server) for _ in range(WAITING_MAX + 100)]
    for each in crowd:
        each.send(HEAD + b"\r\n")
    for each in crowd:
        assert each.answer().startswith(b"HTTP/1.1 200 "), "somebody was sent away"


@test("who says nothing, or nothing of HTTP, or too much, is not waited for")
def _(server):
    silent = [Plain(server) for _ in range(20)]
    hello = bytes.fromhex("16030100f4010000f00303")  # of TLS
    assert not Plain(server, hello).answer()[:13] in (b"HTTP/1.1 200 ", b"HTTP/1.1 408 "), "TLS"
    much = Plain(server, b"GET / HTTP/1.1\r\nX: " + b"x" * 20000)
    assert not much.answer()[:13] in (b"HTTP/1.1 200 ", b"HTTP/1.1 408 "), "a head of 20 kB"
    equal(server.request("/healthz")[0], 200)
    for each in silent:
        assert each.answer().startswith(b"HTTP/1.1 408 ")


@test("a body that does not come keeps nobody else waiting, whether somebody wants it or not")
def _(server):
    rest = b"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 50000\r\n\r\n{"
    chunked = b"Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1"
    waiting = []
    for line in [b"POST /api/login", b"POST /nowhere", b"GET /healthz", b"GET /", b"GET /ws?name=A"]:
        for each in [rest, rest.replace(b"json", b"xml"), rest.replace(b"50000", b"5000000"),
                     chunked]:
            waiting += [Plain(server, line + b" HTTP/1.1\r\n" + each) for _ in range(20)]
            # Its time is over only after five seconds.
            equal(server.request("/healthz", limit=4 * PATIENCE)[0], 200)
    for each in waiting:
        answer = each.answer()
        assert answer.startswith(b"HTTP/1.1 "), f"who is refused is told so: {answer}"


@test("whose bodies do not come has others of the same address wait, and nobody else")
def _(server):
    request = b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    slow = [Plain(server, request + b"Content-Length: 50000\r\n\r\n{") for _ in range(8)]
    answered = lambda: [each for each in slow if select.select([each.socket], [], [], 0)[0]]
    until(lambda: len(answered()) >= 5, "those who are not waited for are told so")
    refused = answered()
    equal(len(refused), 5, "those who are not waited for")
    for each in refused:
        assert each.answer().startswith(b"HTTP/1.1 503 ")
    whole = Plain(server, request + b"Content-Length: 2\r\n\r\n{}", source="127.0.0.2")
    assert whole.answer().startswith(b"HTTP/1.1 400 "), "another address is served"
    for each in slow:
        if each not in refused:
            assert each.answer().startswith(b"HTTP/1.1 408 ")
    assert Plain(server, request + b"Content-Length: 2\r\n\r\n{}").answer().startswith(
        b"HTTP/1.1 400 "), "later this one is, too"


@test("a server that stops ends them")
async def _():
    with Server() as server:
        half = [Plain(server, HEAD) for _ in range(20)]
        await until_async(lambda: server.metric("chatd_requests_waiting") == 20, "they wait")
        await asyncio.to_thread(server.stop)
        for each in half:
            assert each.answer()[:13] in (b"", b"HTTP/1.1 408 ")


run("--limit-head-time=5")
