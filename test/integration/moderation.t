#!/usr/bin/python3 -B
"""Rooms with owners: who is put out, kept out or silenced is, on every instance, from the answer on."""
import itertools
import sqlite3

from redis import *


async def room_of(server, name, *people):
    """Connects them, and has them join the room, which the first one owns: (room, client, …)."""
    clients = await connect_all(server, *people)
    return await join_all(clients, name), *clients


async def join_refused(client, name, code, **fields):
    return await client.refused({"action": "join-room", "message": name}, code,
                                refused="join-room", **fields)


async def until_member(client, room, other):
    """Waits until the other one is told of as being in the room."""
    await client.expect("send-message", target={"id": room}, message=f"{other.name} joined the room")


@test("who creates a room by joining it owns it, and each is told what it is there")
async def _(server):
    room, ann, bob = await room_of(server, "owned", "Ann", "Bob")
    for client, role in (ann, "owner"), (bob, "member"):
        joined = client.has("room-joined")[0]
        equal([joined[key] for key in ("role", "kind", "topic", "owner")],
              [role, "public", "", {"id": ann.id}], client.name)
        assert "muted" not in joined
    await ann.send({"action": "create-room", "message": " made ", "kind": "invite-only",
                    "topic": " what for "})
    made = await ann.expect("room-joined", target={"name": "made"})
    equal([made[key] for key in ("role", "kind", "topic", "owner")],
          ["owner", "invite-only", "what for", {"id": ann.id}])
    await bob.refused({"action": "create-room", "message": "made"}, "room-exists")
    await bob.refused({"action": "create-room", "message": "owned", "id": "x"}, "room-exists", id="x")
    await bob.refused({"action": "create-room", "message": "\n"}, "bad-name")
    await bob.refused({"action": "create-room", "message": "x", "kind": "secret"}, "bad-request")
    await bob.refused({"action": "create-room", "message": "x", "topic": "x" * 257}, "bad-topic")
    equal((await bob.post(room, "still here"))["seq"], 1)
    await close_all(ann, bob)


@test("who is kicked is out on all its connections, and off the roll; it may come again")
async def _(server):
    room, ann, bob = await room_of(server, "kick", "Ann", "Bob")
    second = await bob.return_to(server)
    await second.join("kick")
    await done(ann, "kick", room, bob.id)
    for each in bob, second:
        equal(await each.expect("room-left"), {"action": "room-left", "reason": "kicked",
                                               "target": {"id": room, "name": "kick"},
                                               "by": {"id": ann.id}})
        await each.refused(message(room, "still here", "x"), "not-a-member")
        await each.refused({"action": "history", "target": {"id": room}}, "not-a-member")
    await ann.expect("send-message", message="Bob was put out of the room")
    equal(len(ann.has("send-message", message="Bob was put out of the room")), 1)
    status, _, _ = server.request(f"/api/rooms/{room}/messages", {"Authorization": f"Bearer {bob.token}"})
    equal(status, 403)
    equal((await ann.post(room, "alone"))["seq"], 1)
    await bob.join("kick")
    equal((await bob.post(room, "again"))["seq"], 2)
    equal(bob.has("send-message", message="alone"), [])
    equal(len(bob.has("room-left")), 1)
    await close_all(ann, bob, second)


@test("who is banned is out and cannot join, until the ban ends or is lifted")
async def _(server):
    room, ann, bob, eve = await room_of(server, "ban", "Ann", "Bob", "Eve")
    await done(ann, "ban", room, bob.id)
    left = await bob.expect("room-left", reason="banned")
    assert "until" not in left, left
    error = await join_refused(bob, "ban", "banned", target={"id": room})
    assert "until" not in error, error
    await bob.refused({"action": "join-room", "message": "ban", "since": 0}, "banned")
    before = time.time()
    await done(ann, "ban", room, eve.id, **{"for": 3})
    until = (await eve.expect("room-left", reason="banned"))["until"] / 1000
    assert before + 2.9 < until < time.time() + 3.1, (before, until)
    equal((await join_refused(eve, "ban", "banned"))["until"], int(until * 1000))
    await asyncio.sleep(max(0, until - time.time()) + 0.01)
    await eve.join("ban")
    await join_refused(bob, "ban", "banned")
    await done(ann, "unban", room, bob.id)
    equal((await bob.resume("ban", 0))["role"], "member")
    equal((await bob.post(room, "back"))["seq"], 1)
    await close_all(ann, bob, eve)


@test("who is muted reads on, and neither posts, edits nor types, until that ends or is lifted")
async def _(server):
    room, ann, bob = await room_of(server, "mute", "Ann", "Bob")
    await bob.post(room, "mine")
    await done(ann, "mute", room, bob.id)
    changed = await bob.expect("room-changed", role="member", muted=True)
    assert "until" not in changed, changed
    await bob.refused(message(room, "may I", "x"), "muted", id="x")
    await bob.refused(edit(room, 1, "x"), "muted")
    await bob.refused({"action": "typing", "target": {"id": room}}, "muted", refused="typing")
    await ann.post(room, "listen")
    await bob.expect("send-message", message="listen", seq=2)
    await bob.send(delete(room, 1, "d"))
    equal((await bob.expect("message-ack", id="d"))["seq"], 3)
    second = await bob.return_to(server)
    await second.join("mute")
    equal(second.has("room-joined")[0]["muted"], True)
    await second.refused(message(room, "may I"), "muted")
    await done(ann, "mute", room, bob.id, **{"for": 3})
    until = (await bob.expect("room-changed", muted=True, role="member"))["until"]
    equal((await bob.refused(message(room, "x"), "muted"))["until"], until)
    await asyncio.sleep(max(0, until / 1000 - time.time()) + 0.01)
    equal((await bob.post(room, "at last"))["seq"], 4)
    await done(ann, "mute", room, bob.id)
    await bob.refused(message(room, "x"), "muted")
    await done(ann, "unmute", room, bob.id)
    equal((await second.post(room, "and again"))["seq"], 5)
    await close_all(ann, bob, second)


@test("moderators are made and unmade; nobody acts on who is the same or more, nor on oneself")
async def _(server):
    room, ann, bob, eve, zoe = await room_of(server, "ranks", "Ann", "Bob", "Eve", "Zoe")
    await bob.refused(order("kick", room, eve.id), "forbidden", target={"id": room})
    for each in bob, eve:
        await done(ann, "make-moderator", room, each.id)
        await each.expect("room-changed", role="moderator")
    for client, action, target in (
            (bob, "kick", eve), (bob, "ban", ann), (bob, "mute", eve), (bob, "make-moderator", zoe),
            (bob, "remove-moderator", eve), (bob, "transfer-room", bob), (bob, "kick", bob),
            (ann, "kick", ann), (ann, "ban", ann), (ann, "remove-moderator", ann)):
        await client.refused(order(action, room, target.id), "forbidden", refused=action)
    await done(bob, "kick", room, zoe.id)
    await zoe.expect("room-left", by={"id": bob.id})
    await done(ann, "remove-moderator", room, bob.id)
    await bob.expect("room-changed", role="member")
    await bob.refused(order("kick", room, zoe.id), "forbidden")
    await done(ann, "ban", room, eve.id)
    await done(ann, "unban", room, eve.id)
    await eve.join("ranks")
    equal(eve.has("room-joined")[-1]["role"], "member", "of a moderator who was banned")
    await ann.refused(order("kick", room, "nobody"), "no-such-user")
    await ann.refused(order("kick", room, "x" * 99), "no-such-user")
    await ann.refused(order("kick", "nowhere", bob.id), "no-such-room")
    await ann.refused({**order("kick", room), "user": "x"}, "bad-request")
    await ann.refused({**order("ban", room, bob.id), "for": 0}, "bad-request")
    await close_all(ann, bob, eve, zoe)


@test("moderators delete what others said; nobody edits it")
async def _(server):
    room, ann, bob = await room_of(server, "tidy", "Ann", "Bob")
    await bob.post(room, "rude")
    await ann.post(room, "hers")
    await ann.refused(edit(room, 1, "x"), "forbidden")
    await ann.send(delete(room, 1, "d"))
    equal((await ann.expect("message-ack", id="d"))["seq"], 3)
    await bob.expect("delete-message", of=1, sender={"id": ann.id})
    await bob.refused(delete(room, 2), "forbidden")
    await done(ann, "make-moderator", room, bob.id)
    await bob.send(delete(room, 2, "d"))
    equal((await bob.expect("message-ack", id="d"))["seq"], 4)
    await close_all(ann, bob)


@test("into an invite-only room come who was invited, and who was in it; kicked, one needs it again")
async def _(server):
    ann, bob, eve = await connect_all(server, "Ann", "Bob", "Eve")
    room = await ann.create("closed", "invite-only")
    error = await join_refused(bob, "closed", "invite-only")
    assert "target" not in error, error
    await bob.refused(order("kick", room, ann.id), "no-such-room")
    await bob.refused({"action": "history", "target": {"id": room}}, "not-a-member")
    await done(ann, "invite", room, bob.id)
    equal(await bob.join("closed"), room)
    await bob.refused(order("invite", room, eve.id), "forbidden")
    await bob.send({"action": "leave-room", "message": room})
    equal(await bob.join("closed"), room)
    await done(ann, "kick", room, bob.id)
    await bob.expect("room-left", reason="kicked")
    await join_refused(bob, "closed", "invite-only")
    await done(ann, "set-kind", room, kind="public")
    await ann.expect("room-changed", kind="public")
    equal(await bob.join("closed"), room)
    await until_member(ann, room, bob)
    await done(ann, "set-kind", room, kind="invite-only")
    await bob.expect("room-changed", kind="invite-only")
    second = await bob.return_to(server)
    equal(await second.join("closed"), room)
    await join_refused(eve, "closed", "invite-only")
    await close_all(ann, bob, second, eve)


@test("joining and asking for the past at once does not open an invite-only room")
async def _(server):
    ann, eve = await connect_all(server, "Ann", "Eve")
    room = await ann.create("shut", "invite-only")
    await ann.post(room, "secret")
    for _ in range(50):
        await eve.send({"action": "join-room", "message": "shut", "since": 0},
                       {"action": "history", "target": {"id": room}},
                       {"action": "typing", "target": {"id": room}}, message(room, "x"))
    await eve.round_trip()
    await until_async(lambda: len(eve.has("error", code="invite-only")) == 50, "all are refused")
    equal([each for each in eve.received if "secret" in json.dumps(each)], [])
    equal(eve.has("history") + eve.has("room-joined"), [])
    equal((await ann.post(room, "next"))["seq"], 2)
    await close_all(ann, eve)


@test("the topic is set and shown; the room is handed over")
async def _(server):
    room, ann, bob = await room_of(server, "hand-over", "Ann", "Bob")
    await bob.refused(order("set-topic", room, message="his"), "forbidden")
    await done(ann, "set-topic", room, message="a \"topic\" \U0001f409")
    for each in ann, bob:
        await each.expect("room-changed", topic="a \"topic\" \U0001f409", owner={"id": ann.id},
                          kind="public", target={"id": room, "name": "hand-over"})
    await ann.refused(order("set-topic", room, message="x" * 257), "bad-topic")
    await ann.refused(order("set-topic", room, message="a\nb"), "bad-topic")
    await ann.refused(order("set-topic", room), "bad-request")
    await done(ann, "set-topic", room, message="")
    await bob.expect("room-changed", topic="")
    await done(ann, "transfer-room", room, bob.id)
    await bob.expect("room-changed", role="owner", owner={"id": bob.id})
    await ann.expect("room-changed", role="member", owner={"id": bob.id})
    await ann.refused(order("set-topic", room, message="hers"), "forbidden")
    await done(bob, "kick", room, ann.id)
    await ann.expect("room-left")
    await close_all(ann, bob)


@test("of a deleted room everybody is out, nothing is left, and its name is another one's")
async def _(server):
    room, ann, bob = await room_of(server, "deleted", "Ann", "Bob")
    await fill(ann, room, 40, "some secret text")
    await bob.refused(order("delete-room", room), "forbidden")
    await done(ann, "delete-room", room)
    for each in ann, bob:
        equal(await each.expect("room-left"), {"action": "room-left", "reason": "room-deleted",
                                               "target": {"id": room, "name": "deleted"},
                                               "by": {"id": ann.id}})
        await each.refused(message(room, "x", "x"), "not-a-member")
    await ann.refused(order("delete-room", room), "no-such-room")
    status, _, _ = server.request(f"/api/rooms/{room}/messages", {"Authorization": f"Bearer {ann.token}"})
    equal(status, 403)
    other = await bob.join("deleted")
    assert other != room
    joined = bob.has("room-joined")[-1]
    equal((joined["role"], joined["lastSeq"]), ("owner", 0))
    equal(await ann.join("deleted"), other)
    equal((await ann.post(other, "anew"))["seq"], 1)
    await bob.expect("send-message", seq=1, message="anew", target={"id": other})

    def left():
        with sqlite3.connect(server.database, timeout=LIMIT) as database:
            return database.execute("SELECT count(*) FROM message WHERE text LIKE 'some secret%'").fetchone()[0]

    await until_async(lambda: left() == 0, "the messages are removed")
    await close_all(ann, bob)


@test("after a restart all of it is as it was")
async def _():
    first = Server()
    room, ann, bob, eve = await room_of(first, "kept", "Ann", "Bob", "Eve")
    await done(ann, "make-moderator", room, bob.id)
    await done(bob, "ban", room, eve.id)
    await done(ann, "set-topic", room, message="a topic")
    await close_all(ann, bob, eve)
    first.stop()
    with Server(folder=first.folder) as second:
        ann, bob, eve = [await each.return_to(second) for each in (ann, bob, eve)]
        await bob.join("kept")
        joined = bob.has("room-joined")[0]
        equal((joined["role"], joined["topic"], joined["owner"]), ("moderator", "a topic", {"id": ann.id}))
        await join_refused(eve, "kept", "banned")
        await close_all(ann, bob, eve)


async def flood(client, room, name):
    """Posts as fast as answers come, until one is not an ack; returns the seqs that were acknowledged."""
    acked = []
    for i in itertools.count():
        id = f"{name} {i}"
        await client.send(message(room, f"from {name}", id))
        await until_async(lambda: client.has("message-ack", id=id) or client.has("error", id=id), "an answer")
        if not client.has("message-ack", id=id):
            return acked
        acked.append(client.has("message-ack", id=id)[0]["seq"])


@test("from the answer to a ban or a mute on nothing of that user is stored, on either instance")
async def _():
    with Cluster(2) as cluster:
        for redis in "with", "without":
            if redis == "without":
                cluster.redis.kill()
            for action in "ban", "mute", "kick":
                name = f"{action} {redis}"
                ann, bob = await connect_each(cluster, "Ann", "Bob")
                room = await join_all((ann, bob), name)
                await until_async(lambda: bob.has("room-joined"), "bob is in")
                flooding = asyncio.create_task(flood(bob, room, name))
                await ann.expect("send-message", message=f"from {name}")
                await done(ann, action, room, bob.id)
                last = (await ann.post(room, "the last word"))["seq"]
                acked = await flooding
                assert acked and max(acked) < last, (acked[-3:], last)
                if action == "mute":
                    await bob.expect("room-changed", muted=True)
                    await bob.expect("send-message", seq=last)
                else:
                    await bob.expect("room-left", target={"id": room})
                page = await ann.history(room, limit=200)
                assert page["messages"][-1]["seq"] == last, page["messages"][-1]
                if action == "ban":
                    await join_refused(bob, name, "banned")
                await close_all(ann, bob)


@test("what is decided on one instance is so on the other: roles, topic, the end of the room")
async def _():
    with Cluster(2) as cluster:
        ann, bob = await connect_each(cluster, "Ann", "Bob")
        room = await join_all((ann, bob), "across")
        for redis in "with", "without":
            if redis == "without":
                cluster.redis.kill()
            await done(ann, "make-moderator", room, bob.id)
            await bob.expect("room-changed", role="moderator")
            await done(bob, "set-topic", room, message=redis)
            await ann.expect("room-changed", topic=redis)
            await done(ann, "remove-moderator", room, bob.id)
            # Whatever its instance has heard by then.
            await bob.refused(order("set-topic", room, message="x"), "forbidden")
            # Who is made one again before that was heard is told nothing: nothing has changed.
            await bob.expect("room-changed", role="member")
        await done(ann, "delete-room", room)
        # Also for who asks an instance that has not heard of it.
        other = await bob.join("across")
        assert other != room
        equal(await ann.join("across"), other)
        await bob.expect("room-left", target={"id": room}, reason="room-deleted")
        await ann.post(other, "anew")
        await bob.expect("send-message", message="anew", seq=1)
        await close_all(ann, bob)


run()
