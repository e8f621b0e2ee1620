#!/usr/bin/python3 -B
"""Tokens: who comes back is the same user, wherever and whenever; and who is online, by users."""
import sqlite3

from redis import *

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


def told_of(client, user):
    """What the client was told of the user's coming and going, in order."""
    return [each["action"] for each in client.received
            if each["action"] in ("user-join", "user-left") and each["sender"]["id"] == user.id]


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


@test("several connections of one user: each is in the rooms that it joined, and all are one user")
async def _(server):
    bob = await Client.connect(server, "Bob")
    ann = await Client.connect(server, "Ann")
    await bob.expect("user-join", sender={"id": ann.id})
    second = await ann.return_to(server)
    third = await ann.return_to(server)
    room = await ann.join("several")
    equal([await each.join("several") for each in (second, bob)], [room, room])
    await ann.post(room, "from one")
    await second.post(room, "from the other")
    for each in ann, second, bob:
        await each.expect("send-message", seq=2, sender={"id": ann.id, "name": "Ann"})
        equal(chats(each, room), [(1, "from one"), (2, "from the other")])
    await third.refused(message(room, "not from here", "t"), "not-a-member")
    # The same id from another connection is the same message.
    equal((await ann.post(room, "once", "x"))["seq"], 3)
    equal((await second.post(room, "once", "x"))["seq"], 3)
    for each in ann, second, third, bob:
        equal(online(each), {ann.id: "Ann", bob.id: "Bob"}, "who is online")
    equal(server.metric("chatd_users_online"), 2)
    equal(server.metric("chatd_clients"), 4)
    await close_all(ann, third)
    await until_async(lambda: server.metric("chatd_clients") == 2, "two connections")
    await second.post(room, "still here")
    await bob.expect("send-message", message="still here")
    equal(told_of(bob, ann), ["user-join"], "before the last one goes")
    await second.close()
    await bob.expect("user-left", sender={"id": ann.id, "name": "Ann"})
    equal(told_of(bob, ann), ["user-join", "user-left"])
    await bob.close()


@test("a private chat reaches every connection of the other user")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    second = await bob.return_to(server)
    room = (await ann.join_private(bob.id))["target"]["id"]
    for each in bob, second:
        await each.expect("room-joined", target={"id": room, "private": True})
    await ann.post(room, "to both")
    for each in bob, second:
        await each.expect("send-message", message="to both", seq=1)
    await close_all(ann, bob, second)


GRACE = int(1500 * PATIENCE)  # ms


@test("a user without a connection has left after the grace, not before")
async def _():
    with Server(f"--presence-grace={GRACE}") as server:
        ann, bob = await connect_all(server, "Ann", "Bob")
        went = time.monotonic()
        await ann.close()
        await bob.expect("user-left", sender={"id": ann.id})
        took = (time.monotonic() - went) * 1000
        assert GRACE <= took < GRACE + 3000 * PATIENCE, f"it took {took:.0f} ms"
        late = await Client.connect(server, "Late")
        equal(online(late), {bob.id: "Bob", late.id: "Late"})
        # Who is back after that is told of again.
        ann = await ann.return_to(server)
        await bob.expect("user-join", sender={"id": ann.id})
        await close_all(ann, bob, late)


@test("who is back within the grace was never away, as others see it")
async def _():
    with Server(f"--presence-grace={3 * GRACE}") as server:
        ann, bob = await connect_all(server, "Ann", "Bob")
        await bob.expect("user-join", sender={"id": ann.id})
        for _ in range(5):
            ann.websocket.transport.abort()
            await ann.reader
            await until_async(lambda: server.metric("chatd_clients") == 1, "it is gone")
            equal(server.metric("chatd_users_online"), 2, "users online meanwhile")
            ann = await ann.return_to(server)
        await asyncio.sleep(3 * GRACE / 1000 + 0.5)
        await bob.round_trip()
        equal(told_of(bob, ann), ["user-join"])
        equal(told_of(ann, ann), ["user-join"])
        await close_all(ann, bob)


@test("on another instance the token stands for the same user, who stays online all along")
async def _():
    with Cluster(2, f"--presence-grace={GRACE}") as cluster:
        one, other = cluster.servers
        bob = await Client.connect(one, "Bob")
        carl = await Client.connect(other, "Carl")
        ann = await Client.connect(one, "Ann")
        for each in bob, carl:
            await until_async(lambda: ann.id in online(each), "Ann is online")
        for server in other, one, other:
            await ann.close()
            ann = await ann.return_to(server)
        second = await ann.return_to(one)
        room = await join_all((ann, second, bob, carl), "both")
        await cluster.until_ok()
        await ann.post(room, "here")
        await second.post(room, "and there")
        await all_hear((ann, second, bob, carl), room, 2)
        await second.close()
        await asyncio.sleep(GRACE / 1000 + 1)
        for each in bob, carl:
            equal(told_of(each, ann), ["user-join"], f"what {each.name} was told")
        await ann.close()
        for each in bob, carl:
            await each.expect("user-left", sender={"id": ann.id})
            equal(told_of(each, ann), ["user-join", "user-left"], f"what {each.name} was told")
        await close_all(bob, carl)


@test("when an instance stops, its users go on at another one, and who does not has left in time")
async def _():
    with Cluster(2, f"--presence-grace={2 * GRACE}") as cluster:
        ann, gone = await connect_all(cluster.servers[0], "Ann", "Gone")
        bob = await Client.connect(cluster.servers[1], "Bob")
        for each in ann, gone, bob:
            await until_async(lambda: len(online(each)) == 3, "all know of all")
        await asyncio.to_thread(cluster.servers[0].stop)
        await asyncio.gather(ann.reader, gone.reader)
        ann = await ann.return_to(cluster.servers[1])
        await bob.expect("user-left", sender={"id": gone.id}, limit=LIMIT)
        await asyncio.sleep(1.5)
        equal(told_of(bob, ann), ["user-join"])
        equal(online(bob), {ann.id: "Ann", bob.id: "Bob"})
        await close_all(ann, bob)


@test("kill -9 of an instance: its users go on at another one, and were never away")
async def _():
    with Cluster(2) as cluster:
        ann = await Client.connect(cluster.servers[0], "Ann")
        gone = await Client.connect(cluster.servers[0], "Gone")
        bob = await Client.connect(cluster.servers[1], "Bob")
        for each in ann, gone, bob:
            await until_async(lambda: len(online(each)) == 3, "all know of all")
        room = await join_all((ann, bob), "survives")
        equal((await ann.post(room, "before"))["seq"], 1)
        await bob.expect("send-message", seq=1)
        cluster.servers[0].kill()
        await asyncio.gather(ann.reader, gone.reader)
        ann = await ann.return_to(cluster.servers[1])
        equal((await ann.resume("survives", 1))["target"]["id"], room)
        equal((await ann.post(room, "after"))["seq"], 2)
        await bob.expect("send-message", seq=2, sender={"id": ann.id})
        # Once the lease of the dead one is over, who did not come back has left.
        await bob.expect("user-left", sender={"id": gone.id}, limit=12 * PATIENCE)
        await asyncio.sleep(2.5)
        equal(told_of(bob, ann), ["user-join"])
        equal(online(bob), {ann.id: "Ann", bob.id: "Bob"})
        equal(online(ann), {ann.id: "Ann", bob.id: "Bob"} | (
            {gone.id: "Gone"} if told_of(ann, gone) == ["user-join"] else {}))
        await close_all(ann, bob)


run()
