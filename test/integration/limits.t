#!/usr/bin/python3 -B
"""Limits: who meets one is told so and it is counted; others go on; a normal team meets none."""
from chat import *

HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


def metric(server, name):
    """A metric, asked for by an address that nothing else comes from."""
    text = ask(server, "/metrics", "127.0.0.8")[2].decode()
    return int(re.search(rf"^{name} (\d+)$", text, re.MULTILINE).group(1))


def limited(server, limit):
    return metric(server, f'chatd_limited_total{{limit="{limit}"}}')


def ask(server, path="/healthz", source="127.0.0.1", lines=()):
    """A request from that address, with header lines of its own; returns (status, headers, body)."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT,
                                            source_address=(source, 0))
    try:
        connection.putrequest("GET", path)
        for name, value in lines:
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


class From(Raw):
    """A client from an address, with header lines of its own. `status` is the upgrade's answer."""

    def __init__(self, server, source="127.0.0.1", lines=(), name="Raw"):
        self.socket = socket.create_connection(("127.0.0.1", server.port), LIMIT, (source, 0))
        self.buffer, self.agreed, self.frames, self.documents = b"", None, [], []
        head = upgrade_request(name)[:-2] + "".join(
            f"{name}: {value}\r\n" for name, value in lines).encode()
        self.send(head + b"\r\n")
        while b"\r\n\r\n" not in self.buffer:
            data = self.socket.recv(4096)
            assert data, "no answer to the upgrade"
            self.buffer += data
        self.head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        self.status = int(self.head.split()[1])

    def error(self):
        """The document of a refusal."""
        while data := self.socket.recv(4096):
            self.buffer += data
        self.socket.close()
        return json.loads(self.buffer)


@test("connections: so many of one address at a time")
def _():
    with Server("--limit-connections=3") as server:
        clients = [From(server) for _ in range(3)]
        equal([each.status for each in clients], [101] * 3)
        fourth = From(server)
        equal(fourth.status, 429)
        assert b"\r\nRetry-After: " in fourth.head, fourth.head
        error = fourth.error()
        equal((error["code"], error["retry"]), ("too-many-connections", True))
        equal(limited(server, "connections"), 1)
        other = From(server, "127.0.0.2")
        equal(other.status, 101, "another address")
        clients[0].close()
        until(lambda: server.metric("chatd_clients") == 3, "one has gone")
        clients[0] = From(server)
        equal(clients[0].status, 101, "after one has gone")
        equal(From(server).status, 429)
        for _ in range(10):  # an upgrade that is refused for another reason leaves nothing behind
            equal(ask(server, "/ws?bearer=nonsense", "127.0.0.3")[0], 426)
        for each in (*clients, other):
            each.close()
        until(lambda: server.metric("chatd_clients") == 0, "all have gone")
        equal([From(server).status for _ in range(3)], [101] * 3)
        server.wait_for_log(r"limit-met limit=connections by=127\.0\.0\.1 count=1")


@test("connects: so many requests of one address a minute, whatever they are for")
def _():
    with Server("--limit-connects=5") as server:
        equal([ask(server, path)[0] for path in ("/healthz", "/", "/metrics", "/nowhere", "/api")],
              [200, 200, 200, 404, 404])
        status, headers, body = ask(server)
        error = json.loads(body)
        equal((status, error["code"], error["retry"]), (429, "rate-limited", True))
        assert 0 < error["retryAfter"] <= 12000, error
        equal(int(headers["Retry-After"]), -(-error["retryAfter"] // 1000))
        equal(headers["X-Content-Type-Options"], "nosniff")
        equal(From(server).status, 429, "an upgrade")
        equal(limited(server, "connects"), 2)


@test("messages: so many a second of one user, with all its connections")
async def _():
    with Server("--limit-messages=2:6") as server:
        ann = await Client.connect(server, "Ann")
        again = await ann.return_to(server)
        bob = await Client.connect(server, "Bob")
        equal((ann.welcome["limits"]["messagesPerSecond"], ann.welcome["limits"]["messagesAtOnce"]), (2, 6))
        room = await ann.join("room")
        await again.join("room")
        await bob.join("room")
        start = time.monotonic()
        for i in range(20):
            await (ann, again)[i % 2].send(message(room, f"text {i}", f"id-{i}"))
        await until_async(lambda: len(ann.has("message-ack") + again.has("message-ack")
                                      + ann.has("error") + again.has("error")) == 20, "all are answered")
        errors = ann.has("error") + again.has("error")
        assert 13 - 2 * (time.monotonic() - start) <= len(errors) <= 14, f"{len(errors)} errors"
        for error in errors:
            equal((error["code"], error["retry"], error["refused"]), ("rate-limited", True, "send-message"))
            assert 0 < error["retryAfter"] <= 500, error
        equal(limited(server, "messages"), len(errors))
        await bob.post(room, "of another user")
        await until_async(lambda: len(chats(bob, room)) == 21 - len(errors), "Bob has what was acknowledged")
        # Who comes back joins all its rooms at once: that is another count.
        await ann.send(*({"action": "join-room", "message": f"room {i}"} for i in range(60)))
        await until_async(lambda: len(ann.has("room-joined")) == 61, "all are joined")
        await close_all(ann, again, bob)


@test("rooms: so many that one user is in, with all its connections")
async def _():
    with Server("--limit-rooms=5", "--max-rooms-per-client=4") as server:
        ann = await Client.connect(server, "Ann")
        again = await ann.return_to(server)
        bob = await Client.connect(server, "Bob")
        rooms = [await ann.join(f"room {i}") for i in range(4)]
        await ann.refused({"action": "join-room", "message": "of this client"}, "too-many-rooms")
        equal(limited(server, "rooms"), 0, "that is another limit")
        await again.join("room 0")
        error = await again.refused({"action": "join-room", "message": "room 1"}, "too-many-rooms")
        equal((error["retry"], limited(server, "rooms")), (True, 1))
        await again.refused({"action": "join-room-private", "message": bob.id}, "too-many-rooms")
        equal(await again.join("room 0"), rooms[0], "one that it is in already")
        await bob.join("of another user")
        await ann.send({"action": "leave-room", "message": rooms[3]})
        await ann.join("room 3")
        await ann.round_trip()  # the room answers a moment before what one is in is counted
        await again.refused({"action": "join-room", "message": "room 1"}, "too-many-rooms")
        await ann.close()
        await until_async(lambda: server.metric("chatd_clients") == 2, "one has gone")
        for i in range(4):
            await again.join(f"room {i}")
        await close_all(again, bob)


@test("new rooms: so many an hour that one user makes; those that are there take no leave")
async def _():
    with Server("--limit-new-rooms=3") as server:
        ann = await Client.connect(server, "Ann")
        again = await ann.return_to(server)
        bob = await Client.connect(server, "Bob")
        await bob.join("there")
        await ann.join("one")
        await again.send({"action": "create-room", "message": "two", "kind": "public"})
        await again.expect("room-joined", target={"name": "two"})
        await ann.refused({"action": "create-room", "message": "there", "kind": "public"}, "room-exists")
        await ann.join_private(bob.id)
        for document in ({"action": "join-room", "message": "three"},
                         {"action": "create-room", "message": "three", "kind": "invite-only"}):
            error = await again.refused(document, "rate-limited")
            equal(error["retry"], True)
        equal(limited(server, "new-rooms"), 2)
        await ann.join("there")
        await again.join("one")
        await bob.join("three")
        await ann.join("three")
        await close_all(ann, again, bob)


@test("new rooms: each that is refused is refused once, whatever its thread and who asks do first")
async def _():
    with Server("--limits=none", "--limit-new-rooms=1") as server:
        ann = await Client.connect(server, "Ann")
        await ann.join("one")
        for i in range(10):
            await ann.send(*({"action": "join-room", "message": f"{i} and {j}"} for j in range(50)))
        await until_async(lambda: len(ann.has("error")) == 500, "all are refused")
        equal(limited(server, "new-rooms"), 500)
        bob = await Client.connect(server, "Bob")
        await bob.join("two")
        await close_all(ann, bob)


@test("new rooms: who asks for one together with somebody who may make none gets it")
async def _():
    with Server("--limits=none", "--limit-new-rooms=100", "--max-rooms-per-client=300") as server:
        ann = await Client.connect(server, "Ann")
        for i in range(4):
            await ann.send(*({"action": "join-room", "message": f"{i} and {j}"} for j in range(25)))
        await until_async(lambda: len(ann.has("room-joined")) == 100, "all are made")
        bob = await Client.connect(server, "Bob")
        for i in range(4):
            joins = [{"action": "join-room", "message": f"of Bob {i} and {j}"} for j in range(25)]
            await asyncio.gather(ann.send(*joins), bob.send(*joins))
        await until_async(lambda: len(bob.has("room-joined")) == 100, "Bob is in all his")
        await until_async(lambda: len(ann.has("room-joined")) + len(ann.has("error")) == 200,
                          "Ann is answered")
        equal(bob.has("error"), [])
        assert {error["code"] for error in ann.has("error")} <= {"rate-limited"}, ann.has("error")
        await close_all(ann, bob)


@test("a trusted proxy says whose connections they are, and nobody else does")
def _():
    with Server("--limit-connections=1", "--trusted-proxy=127.0.0.9,10.0.0.0/8") as server:
        def status(source, *lines):
            client = From(server, source, lines)
            clients.append(client)
            return client.status

        clients = []
        proxy = "127.0.0.9"
        equal(status(proxy, ("X-Forwarded-For", "203.0.113.1")), 101)
        equal(status(proxy, ("X-Forwarded-For", "203.0.113.2")), 101, "another client of the proxy")
        equal(status(proxy, ("X-Forwarded-For", "203.0.113.1")), 429, "one that is there")
        equal(status(proxy, ("X-Forwarded-For", "198.51.100.7, 203.0.113.1")), 429, "one that lies")
        equal(status(proxy, ("X-Forwarded-For", "198.51.100.7"), ("x-forwarded-for", "203.0.113.1")), 429,
              "one that lies in a line of its own")
        equal(status(proxy, ("X-Forwarded-For", "203.0.113.1, 10.1.1.1")), 429, "through two proxies")
        equal(status(proxy, ("X-Forwarded-For", "2001:db8::1")), 101)
        equal(status(proxy, ("X-Forwarded-For", "[2001:db8::2]:99")), 429, "another one of the same 64 bits")
        equal(status(proxy), 101, "the proxy's own")
        equal(status(proxy, ("X-Forwarded-For", "nonsense")), 429, "what is no address is the proxy's own")
        many = [(f"X-{i}", "x") for i in range(70)]
        equal(status(proxy, ("X-Forwarded-For", "198.51.100.8"), *many, ("X-Forwarded-For", "203.0.113.5")),
              429, "so is one with more lines than are read")
        equal(status("127.0.0.1", ("X-Forwarded-For", "203.0.113.7")), 101)
        equal(status("127.0.0.1", ("X-Forwarded-For", "203.0.113.8")), 429, "who is no proxy lies")
        for each in clients:
            each.close()


@test("JSON: so deep, and a WebSocket message so long")
async def _():
    with Server("--limit-json-depth=4", "--limit-json-size=2000") as server:
        ann = await Client.connect(server, "Ann")
        equal(ann.welcome["limits"]["frameBytes"], 2000)
        await ann.refused('{"action":[[[[1]]]]}', "bad-json")
        await ann.refused('{"action":[[[1]]]}', "bad-request")
        equal(limited(server, "json-depth"), 1)
        await ann.send(" " * 2000)
        await ann.round_trip()
        await ann.send(" " * 2001)
        equal((await ann.closed())[0], 1009)
        raw = Raw(server, extensions=["permessage-deflate"])
        raw.send(frame(TEXT, deflate(" " * 2001), reserved=4))
        equal(raw.close_code(), 1009, "inflated")
        equal(limited(server, "json-size"), 2)


@test("the head of a request has its time, and so many of one address wait")
def _():
    with Server("--limit-head-time=4", "--limit-connections=1000") as server:
        half = [socket.create_connection(("127.0.0.1", server.port), LIMIT) for _ in range(128)]
        for each in half:
            each.sendall(HEAD)
        until(lambda: metric(server, "chatd_requests_waiting") == 128, "they wait")
        one_more = socket.create_connection(("127.0.0.1", server.port), LIMIT)
        one_more.sendall(HEAD)
        try:
            equal(one_more.recv(100), b"", "what one more of the address is told")
        except ConnectionResetError:
            pass
        other = socket.create_connection(("127.0.0.1", server.port), LIMIT, ("127.0.0.2", 0))
        other.sendall(HEAD)
        other.sendall(b"\r\n")
        assert other.recv(4096).startswith(b"HTTP/1.1 200 "), "another address is served"
        equal(limited(server, "connections"), 1)
        for each in half:
            assert each.recv(4096).startswith(b"HTTP/1.1 408 "), "who is late is told so"
        equal(limited(server, "head-time"), 128)


def trickle(server, data, until_count):
    """Sends a byte now and then, until the server closes that so many times; returns the code."""
    raw = Raw(server)
    stop = threading.Event()

    def send():
        try:
            for byte in data:
                raw.send(bytes([byte]))
                if stop.wait(0.05):
                    return
        except OSError:
            pass

    thread = threading.Thread(target=send)
    thread.start()
    code = raw.close_code()
    stop.set()
    thread.join()
    raw.close()
    equal(limited(server, "frame-time"), until_count)
    return code


@test("a message has its time, in one frame or in many, however slowly it comes")
async def _():
    with Server("--limit-frame-time=1") as server:
        ann = await Client.connect(server, "Ann")
        half, silent, compressed = Raw(server), Raw(server), Raw(server, extensions=["permessage-deflate"])
        silent.send(frame(TEXT, "{", fin=False))
        half.send(frame(TEXT, "x" * 3000)[:2000])
        compressed.send(frame(TEXT, deflate("{")[:1], fin=False, reserved=4))
        equal([each.close_code() for each in (half, silent, compressed)], [1008] * 3)
        equal(limited(server, "frame-time"), 3)
        equal(await asyncio.to_thread(trickle, server, frame(TEXT, "x" * 1000), 4), 1008, "byte by byte")
        pieces = frame(TEXT, "", fin=False) + (frame(PONG) + frame(CONTINUATION, "x", fin=False)) * 1000
        equal(await asyncio.to_thread(trickle, server, pieces, 5), 1008, "with pongs between")
        await ann.round_trip()
        equal(ann.ended, False, "who sends nothing meanwhile stays")
        equal(server.metric("chatd_clients"), 1)
        await ann.close()


@test("a client whose next message has always begun has all the time for it")
async def _():
    with Server("--limit-frame-time=4", "--ping-after=59") as server:
        whole = frame(TEXT, '{"action":"next"}')
        first = frame(TEXT, '{"action":', fin=False)
        messages = (whole[:9], whole[9:]), (first, frame(CONTINUATION, '"next"}'))
        clients = [Raw(server) for _ in messages]
        for raw, (start, _) in zip(clients, messages):
            raw.send(start)
        end = time.monotonic() + 7
        while time.monotonic() < end:
            for raw, (start, rest) in zip(clients, messages):
                raw.send(rest + start)
                raw.expect("error", code="unknown-action")
            await asyncio.sleep(0.2)
        equal(limited(server, "frame-time"), 0)
        for raw in clients:
            raw.close()


@test("with the limits as they are nobody of a team, all at one address, meets any")
async def _():
    with Server(limited=True) as server:
        clients = [await Client.connect(server, f"User {i}") for i in range(60)]
        rooms = [[await each.join(f"room {j}") for j in range(10)] for each in clients[:5]]
        for _ in range(5):
            await asyncio.gather(*(each.post(own[3], "hello") for each, own in zip(clients, rooms)))
        for _ in range(100):
            equal(server.request("/healthz")[0], 200)
        text = server.request("/metrics")[2].decode()
        counts = re.findall(r'^chatd_limited_total\{limit="([a-z-]+)"\} (\d+)$', text, re.MULTILINE)
        equal({count for _, count in counts}, {"0"})
        equal([name for name, _ in counts if f"--limit-{name}=" not in README], [], "no options of the README")
        await close_all(*clients)


with open(os.path.join(TOP, "README.md")) as file:
    README = file.read()
run()
