#!/usr/bin/python3 -B
"""Coming back to a room: what was missed comes first, then what is live, with no seam."""
from redis import *


def seqs(client, room):
    return [seq for seq, _ in chats(client, room)]


async def resumed(client, name, since, **expected):
    """Resumes, checks the answer, and returns the room's id."""
    joined = await client.resume(name, since)
    expected = {"since": since, **expected}
    equal({key: joined.get(key) for key in expected}, expected, "room-joined")
    equal(set(joined) - {"truncated"}, JOINED | {"since"}, "fields")
    return joined["target"]["id"]


async def are(client, room, expected):
    """The client gets these numbers, in this order, and no other."""
    expected = list(expected)
    await until_async(lambda: len(seqs(client, room)) >= len(expected), f"{len(expected)} messages")
    await client.round_trip()
    equal(seqs(client, room), expected, f"numbers that {client.name} got")


@test("with `since` one gets what came after it, each message once and in order, then what is live")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("some")
    await bob.join("some")
    await fill(ann, room, 20)
    await bob.expect("send-message", seq=20)
    for since in 0, 7, 19:
        again = await bob.return_to(server)
        await resumed(again, "some", since, lastSeq=20)
        await are(again, room, range(since + 1, 21))
        for seq in range(since + 1, 21):
            equal(again.has("send-message", seq=seq), bob.has("send-message", seq=seq))
        await again.close()
    again = await bob.return_to(server)
    await resumed(again, "some", 10)
    equal((await ann.post(room, "live"))["seq"], 21)
    await are(again, room, range(11, 22))
    positions = [each["action"] for each in again.received]
    assert positions.index("room-joined") < positions.index("send-message"), positions
    await close_all(ann, bob, again)


@test("nothing missed: the answer says so, and nothing comes but what is live")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("nothing")
    await resumed(bob, "nothing", 0, lastSeq=0)
    await fill(ann, room, 3)
    again = await bob.return_to(server)
    joined = await again.resume("nothing", 3)
    equal((joined["lastSeq"], joined["since"], "truncated" in joined), (3, 3, False))
    equal((await ann.post(room, "live"))["seq"], 4)
    await are(again, room, [4])
    await are(bob, room, [1, 2, 3, 4])
    await close_all(ann, bob, again)


@test("a `since` that no message has yet is taken for the last one")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("future")
    await fill(ann, room, 3)
    for since in 4, 2**53 - 1:
        again = await bob.return_to(server)
        joined = await again.resume("future", since)
        equal((joined["lastSeq"], joined["since"], "truncated" in joined), (3, 3, False))
        await again.close()
    await resumed(bob, "future", 3)
    await ann.post(room, "live")
    await are(bob, room, [4])
    await close_all(ann, bob)


@test("without `since` nothing from before comes, and the answer has none")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("without")
    await fill(ann, room, 3)
    await bob.send({"action": "join-room", "message": "without"})
    joined = await bob.expect("room-joined")
    equal((set(joined), joined["lastSeq"]), (JOINED, 3))
    await ann.post(room, "live")
    await are(bob, room, [4])
    await close_all(ann, bob)


@test("more missed than --resume-limit: truncated, the last ones come, and history has the rest")
async def _():
    with Server("--resume-limit=10") as server:
        ann, bob = await connect_all(server, "Ann", "Bob")
        equal(ann.welcome["limits"]["resume"], 10)
        room = await ann.join("more")
        await fill(ann, room, 50)
        await resumed(bob, "more", 40, lastSeq=50)
        equal(bob.has("room-joined", truncated=True), [], "exactly the limit is not more")
        await are(bob, room, range(41, 51))
        again = await bob.return_to(server)
        joined = await again.resume("more", 3)
        equal((joined["lastSeq"], joined["since"], joined["truncated"]), (50, 40, True))
        await are(again, room, range(41, 51))
        page = await again.history(room, before=joined["since"] + 1, limit=37)
        equal([each["seq"] for each in page["messages"]], list(range(4, 41)))
        await close_all(ann, bob, again)


@test("joining again is answered with lastSeq alone, whatever `since` says, and brings nothing twice")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("again")
    await fill(ann, room, 5)
    await resumed(bob, "again", 2, lastSeq=5)
    await are(bob, room, [3, 4, 5])
    joined = await bob.resume("again", 0)
    equal((set(joined), joined["lastSeq"]), (JOINED, 5))
    await ann.post(room, "live")
    await are(bob, room, [3, 4, 5, 6])
    # Once it has left, it counts again.
    await bob.send({"action": "leave-room", "message": room})
    await resumed(bob, "again", 4, lastSeq=6)
    await are(bob, room, [3, 4, 5, 6, 5, 6])
    # Two at once: the second one finds it in the room, or on its way in.
    again = await bob.return_to(server)
    join = {"action": "join-room", "message": "again", "since": 0}
    await again.send(join, join)
    await until_async(lambda: len(again.has("room-joined")) == 2, "two answers")
    await are(again, room, range(1, 7))
    await close_all(ann, bob, again)


@test("who comes back with `since` is not told as new in the room")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("quiet")
    await bob.resume("quiet", 0)
    carl = await Client.connect(server, "Carl")
    await carl.join("quiet")
    await ann.expect("send-message", message="Carl joined the room", target={"id": room})
    equal(ann.has("send-message", message="Bob joined the room"), [])
    await close_all(ann, bob, carl)


@test("resuming again and again while others talk: no hole, no repeat, no other order")
async def _():
    with Server("--resume-limit=10000") as server:
        talkers = await connect_all(server, *(f"Talker {i}" for i in range(4)))
        room = [await each.join("busy") for each in talkers][0]
        bob = await Client.connect(server, "Bob")
        done = False

        async def talk(client):
            count = 0
            while not done:
                await client.send(*(message(room, f"{client.name} {count + i}") for i in range(5)))
                count += 5
                await asyncio.sleep(0.005)

        talking = [asyncio.create_task(talk(each)) for each in talkers]
        got = []
        for turn in range(30):
            since = got[-1][0] if got else 0
            again = await bob.return_to(server, settle=False)
            joined = await again.resume("busy", since)
            equal((joined["since"], joined["target"]["id"]), (since, room), f"turn {turn}")
            assert "truncated" not in joined, joined
            # Gone while the past still comes, or after that.
            await until_async(lambda: len(chats(again, room)) > turn * 3, "messages")
            again.websocket.transport.abort()
            await again.reader
            got += chats(again, room)
            equal([seq for seq, _ in got], list(range(1, len(got) + 1)), f"numbers until turn {turn}")
        done = True
        await asyncio.gather(*talking)
        last = await bob.return_to(server)
        lastSeq = (await last.resume("busy", got[-1][0]))["lastSeq"]
        await until_async(lambda: len(got) + len(chats(last, room)) >= lastSeq, "all of it")
        got += chats(last, room)
        for each in talkers:
            await until_async(lambda: len(chats(each, room)) >= len(got), "all of it")
            await each.round_trip()
            equal(got, chats(each, room), f"what {each.name} heard")
        await close_all(bob, last, *talkers)


@test("resuming on another instance than before, while it talks there too")
async def _():
    with Cluster(2) as cluster:
        ann, carl = await connect_each(cluster, "Ann", "Carl")
        bob = await Client.connect(cluster.servers[0], "Bob")
        room = await join_all((ann, carl, bob), "across")
        await cluster.until_ok()
        got = []
        for turn in range(8):
            talking = asyncio.gather(*(each.post(room, f"{turn} {each.name} {i}")
                                       for i in range(10) for each in (ann, carl)))
            await asyncio.sleep(0.02 * (turn % 3))
            await bob.close()
            got += chats(bob, room)
            bob = await bob.return_to(cluster.servers[(turn + 1) % 2], settle=False)
            equal((await bob.resume("across", len(got)))["since"], len(got))
            await talking
        await until_async(lambda: len(got) + len(chats(bob, room)) == 160, "all of it")
        got += chats(bob, room)
        equal([seq for seq, _ in got], list(range(1, 161)), "numbers")
        await until_async(lambda: len(chats(ann, room)) == 160, "Ann has all of it")
        equal(got, chats(ann, room))
        await close_all(ann, bob, carl)


run()
