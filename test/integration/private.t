#!/usr/bin/python3 -B
"""Private rooms: one for each pair, for nobody else."""
import sqlite3

from chat import *


async def open_private(one, other):
    await one.send({"action": "join-room-private", "message": other.id})
    return await one.expect("room-joined", target={"private": True}, sender={"id": other.id})


@test("both users get room-joined with the other one as sender, and talk")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    joined = await open_private(ann, bob)
    room = joined["target"]["id"]
    equal((joined["sender"], joined["lastSeq"]), ({"id": bob.id, "name": "Bob"}, 0))
    invited = await bob.expect("room-joined")
    equal(invited["target"], joined["target"])
    equal(invited["sender"], {"id": ann.id, "name": "Ann"})
    equal((await ann.post(room, "psst"))["seq"], 1)
    await bob.expect("send-message", message="psst", seq=1, sender={"id": ann.id, "name": "Ann"})
    equal((await bob.post(room, "what?"))["seq"], 2)
    await ann.expect("send-message", message="what?", seq=2)
    await ann.close()
    await bob.close()


@test("whoever opens it, and however often, the pair has one room")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = (await open_private(ann, bob))["target"]["id"]
    equal((await bob.expect("room-joined"))["target"]["id"], room)
    equal((await open_private(bob, ann))["target"]["id"], room, "opened by Bob")
    equal((await open_private(ann, bob))["target"]["id"], room, "opened again")
    await ann.post(room, "one")
    await bob.expect("send-message", seq=1)
    equal(len(bob.has("send-message", seq=1)), 1)
    await ann.close()
    await bob.close()


@test("two who open it at the same time get the same room")
async def _(server):
    for i in range(20):
        ann, bob = await connect_all(server, f"Ann {i}", f"Bob {i}")
        rooms = await asyncio.gather(open_private(ann, bob), open_private(bob, ann))
        equal(rooms[0]["target"]["id"], rooms[1]["target"]["id"], f"attempt {i}")
        await ann.post(rooms[0]["target"]["id"], "hello")
        await bob.expect("send-message", message="hello", seq=1)
        await ann.close()
        await bob.close()


@test("nobody else can post to it, leave it or see it, not even knowing its id and name")
async def _(server):
    ann, bob, eve = await connect_all(server, "Ann", "Bob", "Eve")
    target = (await open_private(ann, bob))["target"]
    await bob.expect("room-joined")
    await eve.refused(message(target["id"], "intruder", "e"), "not-a-member")
    await eve.refused({**message(target["id"], "intruder"), "target": target}, "not-a-member")
    await eve.refused({"action": "leave-room", "message": target["id"]}, "not-a-member")
    await eve.send({"action": "join-room-private", "message": target["id"]})
    await eve.expect("error", code="no-such-user")
    for name in target["name"] or "x", target["id"], ann.id + bob.id, bob.id + ann.id:
        assert await eve.join(name) != target["id"], name
    equal(eve.has("room-joined", target={"private": True}), [])
    equal((await ann.post(target["id"], "alone"))["seq"], 1)
    await bob.expect("send-message", message="alone")
    await eve.round_trip()
    equal([each for each in eve.received if "alone" in json.dumps(each)], [])
    for each in ann, bob, eve:
        await each.close()


@test("a public room that has a private one's name beforehand is another room")
async def _(server):
    ann, bob, eve = await connect_all(server, "Ann", "Bob", "Eve")
    taken = [await eve.join(name) for name in (
        ann.id + bob.id, bob.id + ann.id, f"{ann.id}:{bob.id}", f"{ann.id}-{bob.id}", "Ann", "Bob")]
    target = (await open_private(ann, bob))["target"]
    assert target["id"] not in taken
    equal(target["private"], True)
    await bob.expect("room-joined", target={"id": target["id"]})
    await ann.post(target["id"], "secret")
    await bob.expect("send-message", message="secret")
    await eve.round_trip()
    equal(eve.has("send-message", message="secret"), [])
    for each in ann, bob, eve:
        await each.close()


@test("who has left is brought in again by what the other one says, and gets it")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = (await open_private(ann, bob))["target"]["id"]
    equal((await bob.expect("room-joined"))["since"], 0)
    await ann.post(room, "one")
    await bob.expect("send-message", message="one", seq=1)
    await bob.send({"action": "leave-room", "message": room})
    await bob.refused(message(room, "I am out"), "not-a-member")
    equal((await ann.post(room, "two"))["seq"], 2)
    joined = await bob.expect("room-joined", target={"id": room}, sender={"id": ann.id})
    equal((joined["since"], joined["lastSeq"]), (1, 2))
    await bob.expect("send-message", message="two", seq=2)
    await ann.post(room, "three")
    await bob.expect("send-message", message="three", seq=3)
    equal([seq for seq, _ in chats(bob, room)], [1, 2, 3])
    await close_all(ann, bob)


@test("who has left is brought in again when the other one opens it, with nothing missed")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = (await open_private(ann, bob))["target"]["id"]
    await bob.expect("room-joined")
    await ann.post(room, "one")
    await bob.expect("send-message", seq=1)
    await bob.send({"action": "leave-room", "message": room})
    await bob.round_trip()
    await open_private(ann, bob)
    joined = await bob.expect("room-joined", target={"id": room})
    equal((joined["since"], joined["lastSeq"]), (1, 1))
    await ann.post(room, "two")
    await bob.expect("send-message", message="two", seq=2)
    equal([seq for seq, _ in chats(bob, room)], [1, 2])
    await close_all(ann, bob)


@test("a third user's private rooms with each of the two are other rooms")
async def _(server):
    ann, bob, carl = await connect_all(server, "Ann", "Bob", "Carl")
    rooms = {(await open_private(one, other))["target"]["id"]
             for one, other in ((ann, bob), (bob, carl), (carl, ann))}
    equal(len(rooms), 3, "rooms")
    for each in ann, bob, carl:
        await each.close()


@test("a private chat with oneself is answered once, with no harm")
async def _(server):
    ann = await Client.connect(server)
    await ann.send({"action": "join-room-private", "message": ann.id})
    await until_async(lambda: ann.has("room-joined") or ann.has("error"), "an answer")
    await ann.join("life goes on")
    answers = ann.has("room-joined", target={"private": True}) + ann.has("error")
    equal(len(answers), 1, f"answers in {answers}")
    await ann.close()


@test("where it cannot be read what the other one is called, one is told so, and nothing else")
async def _():
    with Server("--presence-grace=0") as server:
        ann, bob = await connect_all(server, "Ann", "Bob")
        await open_private(ann, bob)
        again = await ann.return_to(server)
        await bob.close()
        await ann.expect("user-left", sender={"id": bob.id})
        database = sqlite3.connect(server.database, isolation_level=None)
        database.execute("ALTER TABLE identity RENAME TO hidden")
        await again.refused({"action": "join-room-private", "message": bob.id}, "storage-failed")
        database.execute("ALTER TABLE hidden RENAME TO identity")
        database.close()
        equal((await open_private(again, bob))["sender"], {"id": bob.id, "name": "Bob"})
        await close_all(ann, again)


run()
