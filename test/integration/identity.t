#!/usr/bin/python3 -B
"""Tokens: who comes back is the same user, whenever that is, and nobody else is."""
import sqlite3

from chat import *

UNKNOWN = "A" * 43
UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}


def refused(server, query, headers=None, status=401, code="bad-token"):
    """The upgrade is refused with this status and code; returns the answer's headers."""
    actual, answer, body = server.request(f"/ws{query}", {**UPGRADE, **(headers or {})})
    document = json.loads(body)
    equal((actual, document["action"], document["code"], document["retry"]),
          (status, "error", code, False), query)
    return answer


@test("who comes back with the token is the same user, by the query and by the header")
async def _(server):
    ann = await Client.connect(server, "Ann")
    for in_header in False, True:
        again = await Client.return_as(server, ann.token, in_header=in_header)
        equal((again.id, again.name, again.token), (ann.id, "Ann", ann.token))
        equal(again.welcome["tokenExpires"], ann.welcome["tokenExpires"], "within the hour")
        await again.close()
    await ann.close()
    again = await ann.return_to(server)
    equal(again.received[0], again.welcome, "the first document")
    await again.close()


@test("with a good token the name in the query does not count, and the query's token comes first")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    again = await Client.return_as(server, ann.token, name="Somebody Else")
    equal((again.id, again.name), (ann.id, "Ann"))
    both = await Client._open(server, f"bearer={ann.token}",
                              {"Authorization": f"Bearer {bob.token}"}, True)
    equal(both.id, ann.id)
    # Not for us: of a proxy that asks who one is.
    other = await Client._open(server, "name=Carl", {"Authorization": "Basic QW5uOnNlY3JldA=="}, True)
    equal(other.name, "Carl")
    lower = await Client._open(server, "", {"Authorization": f"bearer {bob.token}"}, True)
    equal(lower.id, bob.id)
    await close_all(ann, bob, again, both, other, lower)


@test("users who give the same name are others, each with a token")
async def _(server):
    twins = await connect_all(server, "Twin", "Twin")
    assert twins[0].id != twins[1].id and twins[0].token != twins[1].token
    await close_all(*twins)


@test("a token that is unknown, or none at all, is refused with 401 bad-token")
async def _(server):
    ann = await Client.connect(server, "Ann")
    for token in (UNKNOWN, ann.token[:-1], ann.token + "A", "x", "x" * 5000, ann.token.swapcase(),
                  ann.id, "%00", ann.token[:-1] + "%00"):
        headers = refused(server, f"?bearer={token}")
        equal(headers["WWW-Authenticate"], "Bearer")
        equal(headers["Cache-Control"], "no-store")
    for value in f"Bearer {UNKNOWN}", "Bearer", "Bearer ", f"Bearer {ann.token} x", "bearer x":
        refused(server, "", {"Authorization": value})
    refused(server, "?bearer=")
    refused(server, "?bearer=&name=", status=400, code="bad-name")
    refused(server, f"?bearer={UNKNOWN}&name={'x' * 65}", status=400, code="bad-name")
    refused(server, "", {"Authorization": "Basic QW5uOnNlY3JldA=="}, status=400, code="bad-name")
    await ann.close()


@test("with a name beside a bad token one is let in as a new user with a new token")
async def _(server):
    for in_header in False, True:
        client = await Client.return_as(server, UNKNOWN, name="Fresh", in_header=in_header)
        equal(client.name, "Fresh")
        assert client.token != UNKNOWN
        again = await client.return_to(server)
        await close_all(client, again)


@test("an expired token is as good as none; its user is not to be had any more")
async def _():
    with Server("--token-lifetime=2") as server:
        ann = await Client.connect(server, "Ann")
        left = ann.welcome["tokenExpires"] / 1000 - time.time()
        assert 0 < left <= 2, f"it is good for {left} s"
        again = await ann.return_to(server)
        await close_all(ann, again)
        await asyncio.sleep(max(0, ann.welcome["tokenExpires"] / 1000 - time.time()) + 0.1)
        refused(server, f"?bearer={ann.token}")
        refused(server, "", {"Authorization": f"Bearer {ann.token}"})
        other = await Client.return_as(server, ann.token, name="Ann")
        assert other.id != ann.id and other.token != ann.token
        await other.close()


@test("a token does not end while its user is online")
async def _():
    with Server("--token-lifetime=1") as server:
        ann = await Client.connect(server, "Ann")
        await asyncio.sleep(max(0, ann.welcome["tokenExpires"] / 1000 - time.time()) + 0.1)
        again = await ann.return_to(server)
        equal(again.id, ann.id)
        await close_all(ann, again)


@test("use renews a token, an hour after it was renewed last")
async def _():
    with Server() as server:
        ann = await Client.connect(server, "Ann")
        await ann.close()
        before = ann.welcome["tokenExpires"]
        database = sqlite3.connect(server.database, isolation_level=None)
        database.execute("UPDATE identity SET expires = expires - 7200000")
        again = await ann.return_to(server)
        assert again.welcome["tokenExpires"] >= before, "it is not renewed"
        equal(database.execute("SELECT expires FROM identity").fetchall(),
              [(again.welcome["tokenExpires"],)], "what is stored, and what welcome says")
        database.close()
        await again.close()


for name, end in ("a clean stop", Server.stop), ("kill -9", Server.kill):
    @test(f"after {name} the token still stands for its user, whose private rooms are the same")
    async def _(end=end):
        first = Server()
        ann, bob = await connect_all(first, "Ann", "Bob")
        room = (await ann.join_private(bob.id))["target"]["id"]
        await ann.post(room, "remember")
        end(first)
        await asyncio.gather(ann.reader, bob.reader)
        with Server(folder=first.folder) as second:
            ann, bob = await ann.return_to(second), await bob.return_to(second)
            equal((await ann.join_private(bob.id, since=0))["target"]["id"], room)
            await ann.expect("send-message", message="remember", seq=1, sender={"id": ann.id})
            await close_all(ann, bob)


@test("the token is nowhere in the log nor in the database, whatever is sent with it")
async def _():
    with Server() as server:
        ann = await Client.connect(server, "Ann")
        room = await ann.join("secrets")
        await ann.post(room, "x")
        again = await ann.return_to(server)
        header = {"Authorization": f"Bearer {ann.token}"}
        for path, headers, method in (
                (f"/ws?bearer={ann.token}", {}, "GET"),
                (f"/ws?bearer={ann.token}", {**UPGRADE, "Sec-WebSocket-Version": "1"}, "GET"),
                (f"/ws?bearer={ann.token}", {**UPGRADE, "Sec-WebSocket-Key": "x"}, "GET"),
                (f"/ws?bearer={ann.token}x", UPGRADE, "GET"),
                (f"/api/rooms/{room}/messages?bearer={ann.token}", {}, "GET"),
                (f"/api/rooms/x/messages?bearer={ann.token}", {}, "POST"),
                ("/api/rooms/x/messages", header, "GET"), ("/nothing", header, "GET"),
                (f"/{ann.token}?bearer={ann.token}", header, "PUT")):
            server.request(path, headers, method)
        for request in (f"GET /ws?bearer={ann.token} HTTP/9.9\r\n\r\n",
                        f"GET /ws?bearer={ann.token}\r\n\r\n", f"bearer={ann.token}\r\n\r\n",
                        f"GET /ws?bearer={ann.token}{'x' * 20000} HTTP/1.1\r\n\r\n",
                        f"GET /ws HTTP/1.1\r\nAuthorization: Bearer {ann.token}{'x' * 20000}\r\n\r\n"):
            raw = Raw(server, upgrade=False)
            raw.send(request.encode())
            try:
                while raw.socket.recv(4096):
                    pass
            except ConnectionResetError:
                pass
            raw.close()
        secrets = [ann.token.encode(), base64.urlsafe_b64decode(ann.token + "="),
                   base64.urlsafe_b64decode(ann.token + "=").hex().encode()]

        def look():
            for name in os.listdir(server.folder):
                with open(os.path.join(server.folder, name), "rb") as file:
                    content = file.read()
                for secret in secrets:
                    assert secret not in content, f"it is in {name}"
            assert not any(ann.token in line for line in server.log), server.log

        look()
        await close_all(ann, again)
    look()


run()
