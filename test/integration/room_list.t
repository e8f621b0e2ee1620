#!/usr/bin/python3 -B
"""Lists: of rooms, with how many are in them; of who is in a room; of whom one blocks. And blocking."""
import sqlite3

from redis import *


async def done(client, document):
    await client.send(document)
    return await client.expect("done", id=document["id"])


async def listed(client, action="rooms", **fields):
    id = f"{action}-{time.monotonic_ns()}"
    await client.send({"action": action, "id": id, **fields})
    return await client.expect(action, id=id)


async def members(client, room, **fields):
    return await listed(client, "room-members", target={"id": room}, **fields)


def fetch(server, query="", token=None):
    status, _, body = server.request(f"/api/rooms{query}", {"Authorization": f"Bearer {token}"} if token else {})
    return status, json.loads(body)


async def online_is(client, name, count):
    """Waits until so many are told to be in the room."""
    end = time.monotonic() + LIMIT
    while True:
        rooms = {each["name"]: each["online"] for each in (await listed(client, limit=200))["rooms"]}
        if rooms.get(name) == count:
            return
        assert time.monotonic() < end, f"{name}: {rooms.get(name)} instead of {count}"
        await asyncio.sleep(0.05)


@test("the list has public rooms, by name, in pieces, and by HTTP the same")
async def _():
    with Server() as server:
        ann, bob = await connect_all(server, "Ann", "Bob")
        equal(await listed(ann), {"action": "rooms", "rooms": [], "more": False,
                                  "id": ann.received[-1]["id"]})
        ids = {}
        for name in "zebra", "Apple", "apple", "\u00e4pfel":
            ids[name] = await ann.join(name)
        await done(ann, order("set-topic", ids["apple"], message="of fruit"))
        await bob.join_private(ann.id)
        rooms = (await listed(bob))["rooms"]
        equal([each["name"] for each in rooms], ["Apple", "apple", "zebra", "\u00e4pfel"])
        equal({key: rooms[1][key] for key in rooms[1] if key != "online"},
              {"id": ids["apple"], "name": "apple", "kind": "public", "topic": "of fruit", "owner": {"id": ann.id}})
        page = await listed(bob, limit=2)
        equal(([each["name"] for each in page["rooms"]], page["more"]), (["Apple", "apple"], True))
        page = await listed(bob, limit=2, after="apple")
        equal(([each["name"] for each in page["rooms"]], page["more"]), (["zebra", "\u00e4pfel"], False))
        for token in ann.token, bob.token:
            status, document = fetch(server, "?limit=2&after=apple", token)
            equal((status, document["action"], [each["name"] for each in document["rooms"]]),
                  (200, "rooms", ["zebra", "\u00e4pfel"]))
        equal(fetch(server, "?after=%C3%A4pfel", ann.token)[1]["rooms"], [])
        for query in "?limit=0", "?limit=x", "?after=%ff", f"?after={'x' * 200}":
            equal(fetch(server, query, ann.token)[0], 400, query)
        equal(fetch(server)[0], 401)
        equal(server.request("/api/rooms", method="POST")[0], 405)
        for fields in {"limit": 0}, {"limit": "2"}, {"after": 2}, {"after": "x" * 200}:
            await bob.refused({"action": "rooms", **fields}, "bad-request")
        await close_all(ann, bob)


@test("invite-only rooms are listed for who is in them, may manage them or is invited")
async def _(server):
    ann, bob, eve = await connect_all(server, "Ann", "Bob", "Eve")
    room = await ann.create("closed", "invite-only")

    async def sees(client):
        return "closed" in [each["name"] for each in (await listed(client, limit=200))["rooms"]]

    equal([await sees(each) for each in (ann, bob, eve)], [True, False, False])
    await done(ann, order("invite", room, bob.id))
    equal([await sees(each) for each in (ann, bob, eve)], [True, True, False])
    await done(ann, order("kick", room, bob.id))
    equal(await sees(bob), False)
    await done(ann, order("make-moderator", room, eve.id))
    equal(await sees(eve), True)
    await ann.send({"action": "leave-room", "message": room})
    equal(await sees(ann), True, "its owner")
    await done(ann, order("delete-room", room))
    equal([await sees(each) for each in (ann, bob, eve)], [False] * 3)
    await close_all(ann, bob, eve)


@test("online is how many users are in a room, over all instances, also after one is killed")
async def _():
    with Cluster(2) as cluster:
        one, two = cluster.servers
        ann, bob = await connect_all(one, "Ann", "Bob")
        eve, zoe = await connect_all(two, "Eve", "Zoe")
        room = await join_all((ann, bob, eve, zoe), "busy")
        second = await ann.return_to(one)
        await second.join("busy")
        for each in ann, eve:
            await online_is(each, "busy", 4)
        await second.close()
        await bob.send({"action": "leave-room", "message": room})
        await online_is(ann, "busy", 3)
        two.kill()
        await online_is(ann, "busy", 1)
        await ann.send({"action": "leave-room", "message": room})
        await online_is(ann, "busy", 0)
        await close_all(ann, bob)


@test("who is in a room is told those who are in it, with roles; who is banned is told its moderators")
async def _(server):
    ann, bob, eve, out = await connect_all(server, "Ann", "Bob", "Eve", "Out")
    room = await ann.join("members")
    for each in bob, eve:
        await each.join("members")
    await done(ann, order("make-moderator", room, bob.id))
    await done(bob, order("mute", room, eve.id))
    await done(bob, order("ban", room, out.id, **{"for": 1000}))
    answer = await members(ann, room)
    expected = [{"id": ann.id, "name": "Ann", "role": "owner"},
                {"id": bob.id, "name": "Bob", "role": "moderator"},
                {"id": eve.id, "name": "Eve", "role": "member", "muted": True}]
    expected.sort(key=lambda user: user["id"])
    equal((answer["users"], answer["target"], answer["more"]), (expected, {"id": room}, False))
    until = answer["banned"][0]["until"]
    equal(answer["banned"], [{"id": out.id, "name": "Out", "until": until}])
    equal((await members(bob, room))["banned"], answer["banned"])
    equal(answer["moreBanned"], False)
    others = [f"absent-{i}" for i in range(3)]
    rows = sqlite3.connect(server.database, timeout=LIMIT, isolation_level=None)
    rows.executemany("INSERT INTO room_standing SELECT number, ?, 0, 0, ?, 0, 0, '', 1 FROM room WHERE id = ?",
                     [(each, 2**63 - 1, room) for each in others])
    rows.close()
    everybody = sorted([*others, out.id])
    found, more = [], True
    while more:
        page = await members(ann, room, limit=2, **({"bannedAfter": found[-1]} if found else {}))
        found += [each["id"] for each in page["banned"]]
        more = page["moreBanned"]
        assert len(page["banned"]) <= 2 and len(found) <= 4, found
    equal(found, everybody)
    await ann.refused({"action": "room-members", "target": {"id": room}, "bannedAfter": 7}, "bad-request")
    answer = await members(eve, room)
    assert "banned" not in answer
    equal(answer["users"], expected)
    page = await members(eve, room, limit=1)
    equal((page["users"], page["more"]), (expected[:1], True))
    page = await members(eve, room, limit=5, after=expected[0]["id"])
    equal((page["users"], page["more"]), (expected[1:], False))
    await out.refused({"action": "room-members", "target": {"id": room}}, "banned", until=until)
    outsider = await Client.connect(server, "Outsider")
    await outsider.refused({"action": "room-members", "target": {"id": room}, "id": "x"}, "forbidden", id="x")
    await outsider.refused({"action": "room-members", "target": {"id": "nowhere"}}, "no-such-room")
    await outsider.refused({"action": "room-members"}, "bad-request")
    for _ in range(10):  # also at once after joining
        await outsider.join("members")
        assert outsider.id in [each["id"] for each in (await members(outsider, room))["users"]]
        await outsider.send({"action": "leave-room", "message": room})
    await close_all(ann, bob, eve, out, outsider)


@test("who asks while its request to join is refused is told nobody")
async def _(server):
    ann, eve = await connect_all(server, "Ann", "Eve")
    room = await ann.create("hidden", "invite-only")
    for _ in range(30):
        await eve.send({"action": "join-room", "message": "hidden"},
                       {"action": "room-members", "target": {"id": room}})
    await until_async(lambda: len(eve.has("error")) == 60, "all are refused")
    equal(eve.has("room-members"), [])
    await eve.refused({"action": "room-members", "target": {"id": room}}, "no-such-room")
    await close_all(ann, eve)


@test("whom one blocks opens no private room with one, and is not heard in the one that is there")
async def _():
    with Cluster(2) as cluster:
        ann, bob, room = *(await pair(cluster, "x"))[:2], None
        room = (await ann.join_private(bob.id))["target"]["id"]
        await bob.expect("room-joined", target={"id": room})
        await bob.post(room, "hello")
        await ann.expect("send-message", seq=1)
        block = {"action": "block", "user": {"id": bob.id}, "id": "b"}
        equal(await done(ann, block), {"action": "done", "request": "block", "id": "b", "user": {"id": bob.id}})
        for redis in "with", "without":
            if redis == "without":
                cluster.redis.kill()
            await bob.refused(message(room, "listen", "x"), "blocked", id="x", target={"id": room})
            await bob.refused(edit(room, 1, "x"), "blocked")
            second = await bob.return_to(cluster.servers[0])
            await second.refused({"action": "join-room-private", "message": ann.id}, "blocked")
            last = (await ann.post(room, "I still can"))["seq"]
            for each in bob, second:
                await each.expect("send-message", target={"id": room}, seq=last)
            await second.close()
            answer = await listed(ann, "blocks")
            equal((answer["users"], answer["more"]), ([{"id": bob.id, "name": "Bob"}], False))
            equal((await listed(bob, "blocks"))["users"], [])
            await done(ann, {**block, "action": "unblock"})
            assert (await bob.post(room, "again"))["seq"] == last + 1
            await done(ann, block)
        await done(ann, block)
        equal(len((await listed(ann, "blocks"))["users"]), 1)
        await ann.refused({"action": "block", "user": {"id": ann.id}}, "bad-request")
        await ann.refused({"action": "block", "user": {"id": "nobody"}}, "no-such-user")
        await ann.refused({"action": "block"}, "bad-request")
        await close_all(ann, bob)


@test("who was blocked before there was a room opens none")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    await done(ann, {"action": "block", "user": {"id": bob.id}, "id": "b"})
    await bob.refused({"action": "join-room-private", "message": ann.id}, "blocked")
    await ann.round_trip()
    equal(ann.has("room-joined"), [])
    room = (await ann.join_private(bob.id))["target"]["id"]
    await bob.expect("room-joined", target={"id": room})
    await bob.refused(message(room, "x"), "blocked")
    await close_all(ann, bob)


run()
