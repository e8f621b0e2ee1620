#!/usr/bin/python3 -B
"""Coming back to private rooms, asked or unasked, and private chats with who is away."""
import sqlite3

from redis import *


def seqs(client, room):
    return [seq for seq, _ in chats(client, room)]


async def are(client, room, expected):
    """The client gets these numbers, in this order, and no other."""
    expected = list(expected)
    await until_async(lambda: len(seqs(client, room)) >= len(expected), f"{len(expected)} messages")
    await client.round_trip()
    equal(seqs(client, room), expected, f"numbers that {client.name} got")


def age_messages(server):
    """What was said just before somebody went may count as missed; this makes it older than that."""
    database = sqlite3.connect(server.database, isolation_level=None)
    database.execute("UPDATE message SET ts = ts - 60000")
    database.close()


@test("a private room is resumed like another one")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = (await ann.join_private(bob.id))["target"]["id"]
    await bob.expect("room-joined", target={"id": room}, since=0)
    await fill(ann, room, 5)
    await are(bob, room, range(1, 6))
    age_messages(server)
    second = await ann.return_to(server)
    joined = await second.join_private(bob.id, since=2)
    equal((joined["target"]["id"], joined["lastSeq"], joined["since"]), (room, 5, 2))
    await are(second, room, [3, 4, 5])
    # The invitation that this was to Bob told him nothing new.
    equal(len(bob.has("room-joined")), 1)
    await close_all(ann, bob, second)


@test("who was away is brought back into private rooms with news, and gets what was said")
async def _(server):
    ann, bob, carl, dora = await connect_all(server, "Ann", "Bob", "Carl", "Dora")
    with_ann = (await ann.join_private(bob.id))["target"]["id"]
    with_carl = (await carl.join_private(bob.id))["target"]["id"]
    with_dora = (await dora.join_private(bob.id))["target"]["id"]
    for room in with_ann, with_carl, with_dora:
        await bob.expect("room-joined", target={"id": room}, since=0)
    await ann.post(with_ann, "heard")
    await dora.post(with_dora, "heard, too")
    await bob.expect("send-message", target={"id": with_ann}, seq=1)
    await bob.expect("send-message", target={"id": with_dora}, seq=1)
    await bob.close()
    await ann.expect("user-left", sender={"id": bob.id})
    age_messages(server)
    await ann.post(with_ann, "missed")
    await carl.post(with_carl, "missed, too")
    again = await bob.return_to(server)
    joined = await again.expect("room-joined", target={"id": with_ann, "private": True})
    equal((joined["sender"], joined["lastSeq"], joined["since"]), ({"id": ann.id, "name": "Ann"}, 2, 1))
    joined = await again.expect("room-joined", target={"id": with_carl, "private": True})
    equal((joined["sender"], joined["lastSeq"], joined["since"]), ({"id": carl.id, "name": "Carl"}, 1, 0))
    await again.expect("send-message", target={"id": with_ann}, message="missed", seq=2)
    await again.expect("send-message", target={"id": with_carl}, message="missed, too", seq=1)
    await ann.post(with_ann, "live")
    await are(again, with_ann, [2, 3])
    await again.post(with_carl, "an answer")
    await carl.expect("send-message", message="an answer", seq=2)
    equal(again.has("room-joined", target={"id": with_dora}), [], "a room without news")
    await close_all(ann, carl, dora, again)


@test("a private room that one has joined by oneself by then is left alone")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = (await ann.join_private(bob.id))["target"]["id"]
    await bob.expect("room-joined", target={"id": room})
    await ann.post(room, "heard")
    await bob.expect("send-message", seq=1)
    await bob.close()
    await ann.expect("user-left", sender={"id": bob.id})
    await ann.post(room, "missed")
    raw = await asyncio.to_thread(Raw, server, upgrade=False)
    raw.send(upgrade_request("Bob").replace(b"name=Bob", b"bearer=" + bob.token.encode()))
    await asyncio.to_thread(raw.read_head)
    raw.document({"action": "join-room-private", "message": ann.id, "since": 1})
    joined = await asyncio.to_thread(raw.expect, "room-joined")
    equal((joined["target"]["id"], joined["since"], joined["lastSeq"]), (room, 1, 2))
    await asyncio.to_thread(raw.expect, "send-message", seq=2)
    await asyncio.sleep(2)
    await ann.post(room, "live")
    await asyncio.to_thread(raw.expect, "send-message", seq=3)
    equal([each for each in raw.documents if each["action"] != "user-join" and
           each["action"] != "welcome"], [], "what else came")
    raw.close()
    await ann.close()


@test("a private chat opened with one who is away, and is known, waits for the return; elsewhere, too")
async def _():
    with Cluster(2) as cluster:
        one, other = cluster.servers
        ann = await Client.connect(one, "Ann")
        bob = await Client.connect(other, "Bob")
        await ann.expect("user-join", sender={"id": bob.id})
        await bob.close()
        await ann.expect("user-left", sender={"id": bob.id})
        joined = await ann.join_private(bob.id)
        equal((joined["sender"], joined["lastSeq"]), ({"id": bob.id, "name": "Bob"}, 0))
        room = joined["target"]["id"]
        await fill(ann, room, 3)
        await ann.refused({"action": "join-room-private", "message": "nobody"}, "no-such-user")
        for server in one, other:
            again = await bob.return_to(server)
            joined = await again.expect("room-joined", target={"id": room}, sender={"id": ann.id})
            equal((joined["lastSeq"], joined["since"]), (3, 0))
            await are(again, room, [1, 2, 3])
            if server == other:
                equal((await again.post(room, "at last"))["seq"], 4)
                await ann.expect("send-message", message="at last", seq=4, sender={"id": bob.id})
            await again.close()
            if server == one:
                await ann.expect("user-left", sender={"id": bob.id})
                # As if it had been away all the time.
                database = sqlite3.connect(one.database, isolation_level=None)
                database.execute("UPDATE identity SET seen = seen - 3600000")
                database.close()
        await ann.close()


run()
