#!/usr/bin/python3 -B
"""Edited and deleted messages: entries of a room's log, for who watches and for who comes later."""
import sqlite3

from redis import *


async def acked(client, document):
    """Sends what has an id, and returns its ack."""
    await client.send(document)
    return await client.expect("message-ack", id=document["id"])


def log(client, room):
    """The room's entries as the client got them, without what only its own server knows."""
    return [{key: each[key] for key in each if key not in ("target", "ts", "sender")}
            for each in client.received if "seq" in each and each["target"]["id"] == room
            and each["action"] != "message-ack"]


async def said(server, name, count=3):
    """Two in a new room of that name, in which the first one has said so much."""
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join(name)
    await bob.join(name)
    for i in range(count):
        await ann.post(room, f"text {i + 1}", f"m{i + 1}")
    return ann, bob, room


@test("an edit and a delete are entries with a number of their own, for everybody, in their order")
async def _(server):
    ann, bob, room = await said(server, "live")
    ack = await acked(ann, edit(room, 2, "new text", "e"))
    equal(ack, {"action": "message-ack", "id": "e", "target": {"id": room}, "seq": 4, "ts": ack["ts"]})
    equal((await acked(ann, delete(room, 1, "d")))["seq"], 5)
    await ann.send(edit(room, 3, "without an id"), delete(room, 3))
    await ann.round_trip()  # Bob's way to the server is another one
    equal((await bob.post(room, "last"))["seq"], 8)
    for each in ann, bob:
        await each.expect("send-message", seq=8)
        equal(await each.expect("edit-message", seq=4),
              {"action": "edit-message", "message": "new text",
               "target": {"id": room, "name": "live"}, "sender": {"id": ann.id, "name": "Ann"},
               "seq": 4, "ts": ack["ts"], "of": 2, "id": "e"})
        deleted = await each.expect("delete-message", seq=5)
        equal(deleted, {"action": "delete-message", "target": {"id": room, "name": "live"},
                        "sender": {"id": ann.id, "name": "Ann"}, "seq": 5, "ts": deleted["ts"],
                        "of": 1, "id": "d"})
        equal([each["seq"] for each in log(each, room)], list(range(1, 9)), "numbers")
        assert "id" not in await each.expect("edit-message", seq=6)
        assert "id" not in await each.expect("delete-message", seq=7)
    equal(len(ann.has("message-ack")), 5, "acks")
    await close_all(ann, bob)


@test("who resumes, and who reads the past, gets the entries, and the messages as they are by now")
async def _(server):
    ann, bob, room = await said(server, "later")
    await ann.send(edit(room, 1, "one"), edit(room, 1, "uno"), edit(room, 2, "two"), delete(room, 2))
    await ann.expect("delete-message", seq=7)
    expected = [
        {"action": "send-message", "seq": 1, "id": "m1", "message": "uno", "edited": 5},
        {"action": "send-message", "seq": 2, "id": "m2", "message": "", "deleted": 7},
        {"action": "send-message", "seq": 3, "id": "m3", "message": "text 3"},
        {"action": "edit-message", "seq": 4, "of": 1, "message": "one"},
        {"action": "edit-message", "seq": 5, "of": 1, "message": "uno"},
        {"action": "edit-message", "seq": 6, "of": 2, "message": "", "deleted": 7},
        {"action": "delete-message", "seq": 7, "of": 2}]
    late = await Client.connect(server, "Late")
    equal((await late.resume("later", 0))["lastSeq"], 7)
    await late.expect("delete-message", seq=7)
    equal(log(late, room), expected, "what comes to who resumes")
    page = await late.history(room)
    # In a page a message needs no action.
    equal([{"action": "send-message", **each} for each in
           ({key: each[key] for key in each if key not in ("ts", "sender")}
            for each in page["messages"])], expected, "a page")
    status, _, body = server.request(f"/api/rooms/{room}/messages",
                                     {"Authorization": f"Bearer {ann.token}"})
    equal((status, json.loads(body)["messages"]), (200, page["messages"]), "the page by HTTP")
    equal((await ann.history(room, after=3, limit=2))["messages"], page["messages"][3:5])
    middle = await Client.connect(server, "Middle")
    await middle.resume("later", 5)
    await middle.expect("delete-message", seq=7)
    equal(log(middle, room), expected[5:], "what comes after 5")
    await close_all(ann, bob, late, middle)


@test("only one's own messages, and only messages: anything else is refused and takes no number")
async def _(server):
    ann, bob, room = await said(server, "refused")
    eve = await Client.connect(server, "Eve")
    elsewhere = await eve.join("elsewhere")
    await ann.send(delete(room, 3), edit(room, 1, "edited"))
    await ann.expect("edit-message", seq=5)
    for client, document, code in (
            (bob, edit(room, 1, "his", "x"), "forbidden"),
            (bob, delete(room, 1, "x"), "forbidden"),
            (ann, edit(room, 99, "x", "x"), "no-such-message"),
            (ann, edit(room, 3, "deleted", "x"), "no-such-message"),
            (ann, delete(room, 3, "x"), "no-such-message"),
            (ann, edit(room, 4, "a delete", "x"), "no-such-message"),
            (ann, delete(room, 5, "x"), "no-such-message"),
            (ann, edit(room, 2**53 - 1, "x", "x"), "no-such-message"),
            (eve, edit(room, 1, "x", "x"), "not-a-member"),
            (eve, delete(room, 1, "x"), "not-a-member"),
            (eve, edit(elsewhere, 1, "x", "x"), "no-such-message"),
            (ann, edit(room, 1, "", "x"), "bad-request"),
            (ann, edit(room, 1, "x" * 10001, "x"), "too-long"),
            (ann, edit(room, 0, "x", "x"), "bad-request"),
            (ann, edit(room, 1.5, "x", "x"), "bad-request"),
            (ann, edit(room, "1", "x", "x"), "bad-request"),
            (ann, edit(room, None, "x", "x"), "bad-request"),
            (ann, {"action": "delete-message", "target": {"id": room}, "id": "x"}, "bad-request"),
            (ann, {"action": "edit-message", "of": 1, "message": "x", "id": "x"}, "bad-request")):
        error = await client.refused(document, code)
        equal((error["refused"], error["id"], error.get("target"), error["retry"]),
              (document["action"], "x", document.get("target"), False), document)
    equal((await bob.post(room, "next"))["seq"], 6)
    equal([each["message"] for each in (await bob.history(room))["messages"] if "message" in each],
          ["edited", "text 2", "", "edited", "next"])
    await close_all(ann, bob, eve)


@test("a repeated edit or delete is acknowledged again and stored once, also that of what is deleted")
async def _(server):
    ann, bob, room = await said(server, "repeated", 1)
    await acked(ann, edit(room, 1, "new", "e"))
    equal((await acked(ann, edit(room, 1, "new", "e")))["seq"], 2)
    equal((await acked(ann, message(room, "text 1", "m1")))["seq"], 1, "its first text again")
    await ann.refused(edit(room, 1, "otherwise", "e"), "id-conflict")
    await ann.refused(delete(room, 1, "e"), "id-conflict")
    await ann.refused(message(room, "new", "e"), "id-conflict")
    for document, seq in ((delete(room, 1, "d"), 3), (delete(room, 1, "d"), 3),
                          (edit(room, 1, "new", "e"), 2), (message(room, "text 1", "m1"), 1)):
        equal((await acked(ann, document))["seq"], seq, document)
    equal((await bob.post(room, "next"))["seq"], 4)
    await bob.expect("send-message", seq=4)
    equal([each["seq"] for each in log(bob, room)], [1, 2, 3, 4])
    await close_all(ann, bob)


@test("of a deleted message nothing is left in the database")
async def _():
    with Server() as server:
        ann, bob, room = await said(server, "gone", 0)
        for i in range(50):
            await ann.send(message(room, f"hidden-treasure {i} " + "x" * 300))
        await ann.expect("send-message", seq=50)
        for i in range(50):
            await ann.send(edit(room, i + 1, f"hidden-treasure again {i}"))
        for i in range(50):
            await ann.send(delete(room, i + 1))
        await ann.expect("delete-message", seq=150)
        await close_all(ann, bob)
        server.stop()
        with open(server.database, "rb") as file:
            content = file.read()
        equal(content.count(b"hidden-treasure"), 0, "in the file")
        with sqlite3.connect(server.database) as database:
            equal(database.execute("SELECT count(*), sum(length(text)) FROM message").fetchone(),
                  (150, 0))


@test("in a private room each of the two edits and deletes their own")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = (await ann.join_private(bob.id))["target"]["id"]
    await bob.expect("room-joined", target={"id": room})
    await ann.post(room, "hers")
    await bob.post(room, "his")
    await bob.refused(edit(room, 1, "x"), "forbidden")
    await bob.refused(delete(room, 1), "forbidden")
    equal((await acked(bob, edit(room, 2, "his own", "e")))["seq"], 3)
    equal((await acked(bob, delete(room, 2, "d")))["seq"], 4)
    await ann.expect("edit-message", of=2, message="his own")
    await ann.expect("delete-message", of=2)
    await close_all(ann, bob)


@test("on two instances edits and deletes come in one order, with Redis and without")
async def _():
    with Cluster(2) as cluster:
        ann, bob = await connect_each(cluster, "Ann", "Bob")
        room = await join_all((ann, bob), "both")
        await cluster.until_ok()
        await ann.post(room, "one")
        await bob.expect("send-message", seq=1)
        for redis in "with", "without":
            if redis == "without":
                cluster.redis.kill()
            for i in range(10):
                mine = (await ann.post(room, f"{redis} {i}"))["seq"]
                his = (await bob.post(room, f"{redis} {i}"))["seq"]
                await asyncio.gather(acked(ann, edit(room, mine, f"new {i}", f"{redis} e{i}")),
                                     acked(bob, delete(room, his, f"{redis} d{i}")))
            last = (await ann.post(room, f"last {redis}"))["seq"]
            for each in ann, bob:
                await each.expect("send-message", seq=last)
        equal(last, 83)
        equal([each["seq"] for each in log(ann, room)], list(range(1, last + 1)), "numbers")
        # What bob's instance read from the repository was edited by then.
        equal([(each["seq"], each["action"], each.get("of"), each.get("id")) for each in log(bob, room)],
              [(each["seq"], each["action"], each.get("of"), each.get("id")) for each in log(ann, room)])
        await close_all(ann, bob)


run()
