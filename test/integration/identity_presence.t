#!/usr/bin/python3 -B
"""Who is online is told by users: several connections, lost ones, other instances, and the grace."""
from redis import *


def told_of(client, user):
    """What the client was told of the user's coming and going, in order."""
    return [each["action"] for each in client.received
            if each["action"] in ("user-join", "user-left") and each["sender"]["id"] == user.id]


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
    grace = 3 * GRACE  # for three moves
    with Cluster(2, f"--presence-grace={grace}") as cluster:
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
        await asyncio.sleep(grace / 1000 + 1)
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
