#!/usr/bin/python3 -B
"""2,000 connections on a few threads, and the limit on connections."""
from chat import *

MANY = 2000


class Member(asyncio.Protocol):
    """A connection that throws away what it reads, and notes its welcome and its end."""

    def __init__(self, number):
        self.number = number
        self.head = b""
        self.welcome = asyncio.get_running_loop().create_future()
        self.ended = False

    def connection_made(self, transport):
        self.transport = transport
        transport.write(upgrade_request(f"Member {self.number}"))

    def data_received(self, data):
        if not self.welcome.done():
            self.head += data
            if b'"welcome"' in self.head:
                self.welcome.set_result(self.head)
                self.head = b""

    def connection_lost(self, error):
        self.ended = True
        if not self.welcome.done():
            self.welcome.set_exception(EOFError(f"ended: {self.head!r}"))


@test(f"{MANY} clients are welcome on a handful of threads, and HTTP goes on answering")
async def _():
    # They do not answer pings, and on a busy machine it takes a while until all are there.
    with Server("--ping-after=3599", "--idle-timeout=3600") as server:
        threads = server.status("Threads")
        loop = asyncio.get_running_loop()
        members = []
        for start in range(0, MANY, 50):
            some = [Member(number) for number in range(start, start + 50)]
            await asyncio.gather(*(
                loop.create_connection(lambda each=each: each, "127.0.0.1", server.port)
                for each in some))
            await asyncio.wait_for(asyncio.gather(*(each.welcome for each in some)), LIMIT)
            members += some
        equal(server.metric("chatd_clients"), MANY)
        await until_async(lambda: server.metric("chatd_users_online") == MANY, "all are online")
        for path in "/healthz", "/metrics", "/":
            equal((await asyncio.to_thread(server.request, path))[0], 200, path)
        grown = server.status("Threads") - threads
        assert grown <= 4, f"{grown} more threads"
        assert server.status("Threads") < 48, f"{server.status('Threads')} threads"

        ann, bob = await connect_all(server, "Ann", "Bob")
        room = await ann.join("among many")
        await bob.join("among many")
        await ann.post(room, "hello")
        await bob.expect("send-message", message="hello", seq=1)
        await ann.close()
        await bob.close()

        equal([each.number for each in members if each.ended], [], "connections that ended")
        for each in members:
            each.transport.abort()
        await until_async(lambda: server.metric("chatd_clients") == 0, "all are gone")
        await until_async(lambda: server.metric("chatd_users_online") == 0, "nobody is online")


@test("past --max-clients the upgrade gets a 503 server-full, and HTTP goes on answering")
async def _():
    with Server("--max-clients=10") as server:
        clients = await connect_all(server, *[f"User {i}" for i in range(10)])
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        for i in range(30):
            status, _, body = server.request("/ws?name=Late", upgrade)
            equal(status, 503)
            document = json.loads(body)
            equal((document["action"], document["code"], document["retry"]),
                  ("error", "server-full", True))
        equal(server.metric("chatd_clients_refused_total"), 30)
        equal(server.request("/healthz")[0], 200)
        equal(server.metric("chatd_clients"), 10)
        await clients[0].close()
        await until_async(lambda: server.metric("chatd_clients") == 9, "one has gone")
        clients[0] = await Client.connect(server, "Late")
        room = await clients[0].join("full house")
        await clients[0].post(room, "in at last")
        for each in clients:
            await each.close()


@test("many at once never exceed --max-clients")
async def _():
    with Server("--max-clients=20") as server:
        async def attempt(number):
            try:
                return await Client.connect(server, f"User {number}")
            except websockets.InvalidStatusCode as refusal:
                equal(refusal.status_code, 503)

        clients = [each for each in await asyncio.gather(*map(attempt, range(100))) if each]
        equal(len(clients), 20, "clients let in")
        equal(server.metric("chatd_clients"), 20)
        equal(server.metric("chatd_clients_refused_total"), 80)
        for each in clients:
            await each.close()


@test("connections that say nothing do not keep HTTP from answering")
def _():
    with Server() as server:
        silent = []
        for _ in range(8):
            silent.append(socket.create_connection(("127.0.0.1", server.port)))
        equal(server.request("/healthz")[0], 200)
        for each in silent:
            each.close()


run()
