#!/usr/bin/python3 -B
"""Several instances with one database and one Redis are one chat."""
import itertools
import random

from redis import *


@test("what is said on three instances at once is heard on all, in one order, each once")
async def _():
    with Cluster(3) as cluster:
        clients = [await Client.connect(server, f"{i}.{k}")
                   for i, server in enumerate(cluster.servers) for k in range(2)]
        room = await join_all(clients, "three")
        await cluster.until_ok()

        async def talk(client):
            for i in range(30):
                await client.post(room, f"{client.name} {i}")

        await asyncio.gather(*map(talk, clients))
        await all_hear(clients, room, 180)
        texts = [text for _, text in chats(clients[0], room)]
        for each in clients:
            own = [text for text in texts if text.startswith(f"{each.name} ")]
            equal(own, [f"{each.name} {i}" for i in range(30)], "what one client said, in order")
        await close_all(*clients)


@test("it is Redis that brings what is said elsewhere, not the repository")
async def _():
    with Cluster(2) as cluster:
        ann, bob = await connect_each(cluster, "Ann", "Bob")
        room = await join_all((ann, bob), "bus")
        await cluster.until_ok()
        # A subscription that begins reads what is stored; from here on it has.
        await ann.post(room, "the first one")
        await all_hear((ann, bob), room, 1)
        received = cluster.servers[1].metric("chatd_bus_received_total")
        repaired = cluster.metric("chatd_repaired_gaps_total")
        for i in range(50):
            await ann.post(room, f"text {i}")
        await all_hear((ann, bob), room, 51)
        # What is held up on its way for a moment may be read beside that, once.
        assert cluster.metric("chatd_repaired_gaps_total") - repaired < 50, "all is read from the repository"
        await until_async(lambda: cluster.servers[1].metric("chatd_bus_received_total") >= received + 50,
                          "all comes by Redis as well")
        await close_all(ann, bob)


@test("who comes to a room, or leaves it, is told on the other instance, once")
async def _():
    with Cluster(2) as cluster:
        ann, bob = await connect_each(cluster, "Ann", "Bob")
        room = await join_all((ann, bob), "notices")
        await cluster.until_ok()
        carl = await Client.connect(cluster.servers[1], "Carl")
        await carl.join("notices")
        await ann.expect("send-message", message="Carl joined the room", target={"id": room})
        await carl.send({"action": "leave-room", "message": room})
        await ann.expect("send-message", message="Carl left the room", target={"id": room})
        for one, other in (bob, ann), (ann, bob):
            await one.post(room, f"both notices have passed {other.name}")
            await other.expect("send-message", message=f"both notices have passed {other.name}")
        for each in ann, bob:
            for text in "Carl joined the room", "Carl left the room":
                equal(len(each.has("send-message", message=text)), 1, f"{text}, as {each.name} hears it")
        await close_all(ann, bob, carl)


@test("a private chat reaches across: the other one is brought in, and both talk")
async def _():
    with Cluster(2) as cluster:
        ann = await Client.connect(cluster.servers[0], "Ann")
        bob, eve = await connect_all(cluster.servers[1], "Bob", "Eve")
        await ann.expect("user-join", sender={"id": bob.id})
        await ann.send({"action": "join-room-private", "message": bob.id})
        opened = await ann.expect("room-joined", sender={"id": bob.id, "name": "Bob"})
        room = opened["target"]["id"]
        invited = await bob.expect("room-joined", sender={"id": ann.id, "name": "Ann"})
        equal(invited["target"], opened["target"])
        equal((await ann.post(room, "psst"))["seq"], 1)
        await bob.expect("send-message", message="psst", seq=1, sender={"id": ann.id})
        equal((await bob.post(room, "what?"))["seq"], 2)
        await ann.expect("send-message", message="what?", seq=2, sender={"id": bob.id})
        await eve.refused(message(room, "me too", "e"), "not-a-member")
        equal(eve.has("room-joined"), [])
        await close_all(ann, bob, eve)


@test("two on two instances who open it at the same time get the same room")
async def _():
    async def open_private(one, other):
        await one.send({"action": "join-room-private", "message": other.id})
        return (await one.expect("room-joined", sender={"id": other.id}))["target"]

    with Cluster(2) as cluster:
        users = [await connect_all(server, *(f"{name} {i}" for i in range(7)))
                 for server, name in zip(cluster.servers, ("Ann", "Bob"))]
        for each in itertools.chain(*users):
            await until_async(lambda: len(online(each)) == 14, "all know of all")
        for ann, bob in itertools.product(*users):
            rooms = await asyncio.gather(open_private(ann, bob), open_private(bob, ann))
            equal(rooms[0], rooms[1], f"the room of {ann.name} and {bob.name}")
            await ann.post(rooms[0]["id"], "hello")
            await bob.expect("send-message", message="hello", seq=1, target={"id": rooms[0]["id"]})
        await close_all(*itertools.chain(*users))


@test("a private chat with one who has just left the other instance waits for the return")
async def _():
    with Cluster(2) as cluster:
        ann, bob = await connect_each(cluster, "Ann", "Bob")
        await ann.expect("user-join", sender={"id": bob.id})
        await bob.close()
        await ann.expect("user-left", sender={"id": bob.id})
        room = (await ann.join_private(bob.id))["target"]["id"]
        equal((await ann.post(room, "hello"))["seq"], 1)
        bob = await bob.return_to(cluster.servers[1])
        await bob.expect("room-joined", target={"id": room}, since=0)
        await bob.expect("send-message", message="hello", seq=1)
        await close_all(ann, bob)


@test("while many come and go on three instances, everybody's list is right, without duplicates")
async def _():
    with Cluster(3) as cluster:
        choice = random.Random(3)
        clients = [await Client.connect(each, f"First {i}") for i, each in enumerate(cluster.servers)]

        async def come_and_go(number):
            for turn in range(4):
                server = cluster.servers[(number + turn) % 3]
                client = await Client.connect(server, f"{number}.{turn}", settle=False)
                if turn == 3:
                    clients.append(client)
                    return
                await leave_anyhow(client, choice)

        await asyncio.gather(*(come_and_go(number) for number in range(15)))
        expected = {each.id: each.name for each in clients}
        equal(len(expected), 18)
        for each in clients:
            await until_async(lambda: online(each) == expected, f"the list of {each.name} is right")
        for server in cluster.servers:
            late = await Client.connect(server, "Late")
            equal(online(late), {**expected, late.id: "Late"})
            for each in clients:
                await each.expect("user-join", sender={"id": late.id})
            await late.close()
            for each in clients:
                await each.expect("user-left", sender={"id": late.id})
        for each in clients:
            equal(online(each), expected)
        await close_all(*clients)


@test("two instances that make the same 100 rooms at once give them the same ids")
async def _():
    with Cluster(2) as cluster:
        ann, bob = await connect_each(cluster, "Ann", "Bob")
        names = [f"room {i}" for i in range(100)]

        async def joined(client):
            return {name: (await client.expect("room-joined", target={"name": name}))["target"]["id"]
                    for name in names}

        # Each of them is asked of both in the same moment, now of the one first, now of the other.
        for i, name in enumerate(names):
            for each in (ann, bob) if i % 2 else (bob, ann):
                await each.send({"action": "join-room", "message": name})
        ids = [await joined(each) for each in (ann, bob)]
        equal(ids[0], ids[1], "ids")
        equal(len(set(ids[0].values())), 100, "rooms")
        for each in ann, bob:
            equal(each.has("error"), [])
        # Each of them is one room: what is said in it is numbered once, and heard on the other one.
        for i, (name, id) in enumerate(ids[0].items()):
            await (ann if i % 2 else bob).send(message(id, name))
        for id in ids[0].values():
            await all_hear((ann, bob), id, 1)
        await close_all(ann, bob)


run()
