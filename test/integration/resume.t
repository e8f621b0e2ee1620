#!/usr/bin/python3 -B
"""Coming back to a room: what was missed comes first, then what is live, with no seam."""
import sqlite3

from redis import *


def seqs(client, room):
    return [seq for seq, _ in chats(client, room)]


async def fill(client, room, count, text="text"):
    """Posts `count` messages without waiting for each; returns when all are acknowledged."""
    for start in range(0, count, 20):
        some = range(start, min(start + 20, count))
        await client.send(*(message(room, f"{text} {i}", f"{i}") for i in some))
    await until_async(lambda: len(client.has("message-ack", target={"id": room})) >= count,
                      f"{count} acks")


async def resumed(client, name, since, **expected):
    """Resumes, checks the answer, and returns the room's id."""
    joined = await client.resume(name, since)
    expected = {"since": since, **expected}
    equal({key: joined.get(key) for key in expected}, expected, "room-joined")
    equal(set(joined) - {"truncated"}, {"action", "target", "sender", "lastSeq", "since"}, "fields")
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
    equal((set(joined), joined["lastSeq"]), ({"action", "target", "sender", "lastSeq"}, 3))
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
    equal((set(joined), joined["lastSeq"]), ({"action", "target", "sender", "lastSeq"}, 5))
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
        ann = await Client.connect(cluster.servers[0], "Ann")
        carl = await Client.connect(cluster.servers[1], "Carl")
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


# ---- many rooms -------------------------------------------------------------------------------

ROOMS = 200
EACH = 50 if is_sanitized() else 500


async def fill_rooms(server, writers):
    """ROOMS rooms with EACH messages; returns their ids by name."""
    rooms = {}

    async def write(number):
        client = await Client.connect(server, f"Writer {number}")
        for i in range(number, ROOMS, writers):
            room = rooms[f"room {i}"] = await client.join(f"room {i}")
            await client.send(*(message(room, f"{k}") for k in range(EACH // 2)))
            await client.send(*(message(room, f"{k}") for k in range(EACH // 2, EACH)))
            await client.expect("send-message", seq=EACH, target={"id": room})
            await client.send({"action": "leave-room", "message": room})
            client.received.clear()
            client.pending.clear()
            client.frames.clear()
        await client.close()

    await asyncio.gather(*map(write, range(writers)))
    return rooms


def documents(data):
    """The documents in the server's frames."""
    at = 0
    while at < len(data):
        length, start = data[at + 1], at + 2
        if length >= 126:
            start += 2 if length == 126 else 8
            length = int.from_bytes(data[at + 2:start], "big")
        at = start + length
        yield from map(json.loads, data[start:at].decode().split("\n"))


@test(f"{ROOMS} rooms in one go: all of it comes, and the others do not notice")
async def _():
    with Server("--room-grace=0") as server:
        rooms = await fill_rooms(server, 4)
        ann, bob = await connect_all(server, "Ann", "Bob")
        lively = await ann.join("lively")
        await bob.join("lively")
        back = await asyncio.to_thread(Raw, server, "Back")

        def read_all():
            """Only reads, so that this process has the time for the others."""
            for name in rooms:
                back.document({"action": "join-room", "message": name, "since": 0})
            data = bytearray(back.buffer)
            seen = at = 0
            while seen < ROOMS * EACH or not data.endswith(b"}"):
                data += back.socket.recv(1 << 20)
                seen += data.count(b'"seq":', at)
                at = len(data) - 5
            return bytes(data)

        reading = asyncio.create_task(asyncio.to_thread(read_all))
        longest = count = 0
        while not reading.done():
            start = time.monotonic()
            count += 1
            await ann.post(lively, f"text {count}")
            await bob.expect("send-message", seq=count)
            longest = max(longest, time.monotonic() - start)
            await asyncio.sleep(0.01)
        assert count > 1, "it was over at once"
        assert longest < 2 * PATIENCE, f"a message took {longest:.2f} s"
        by_room = {id: [] for id in rooms.values()}
        joined = 0
        for document in documents(await reading):
            if "seq" in document:
                by_room[document["target"]["id"]].append(document["seq"])
            joined += document["action"] == "room-joined"
        equal(joined, ROOMS, "rooms joined")
        for name, id in rooms.items():
            assert by_room[id] == list(range(1, EACH + 1)), f"{name}: {by_room[id][:10]}…"
        back.close()
        await close_all(ann, bob)


@test(f"{ROOMS} rooms for who reads slowly: paced, and all of it comes")
async def _():
    with Server("--room-grace=0") as server:
        rooms = await fill_rooms(server, 4)
        slow = Raw(server, "Slow", receive_buffer=8192)
        for name in rooms:
            slow.document({"action": "join-room", "message": name, "since": 0})
        by_room = {id: [] for id in rooms.values()}
        ann = await Client.connect(server, "Ann")
        peak = 0

        def read_some(count):
            while count > 0:
                opcode, payload = slow.read()
                equal(opcode, TEXT, f"opcode, with {payload!r}")
                for line in payload.decode().split("\n"):
                    document = json.loads(line)
                    if document["action"] == "send-message" and "seq" in document:
                        by_room[document["target"]["id"]].append(document["seq"])
                        count -= 1

        left = ROOMS * EACH
        while left > 0:
            await asyncio.to_thread(read_some, min(left, 2000))
            left -= min(left, 2000)
            peak = max(peak, server.metric("chatd_outbox_bytes"))
            # The server has time to send as much as it would.
            await asyncio.sleep(0.05)
            await ann.round_trip()
        for name, id in rooms.items():
            assert by_room[id] == list(range(1, EACH + 1)), f"{name}: {by_room[id][:10]}…"
        equal(server.metric("chatd_slow_clients_closed_total"), 0)
        assert peak < 1048576, f"{peak} bytes waited"
        slow.close()
        await ann.close()


@test("who goes while the past comes leaves nothing behind")
async def _():
    with Server("--room-grace=0") as server:
        ann = await Client.connect(server, "Ann")
        room = await ann.join("left in the middle")
        await fill(ann, room, 500, "x" * 2000)
        for i in range(20):
            raw = await asyncio.to_thread(Raw, server, f"Flash {i}", receive_buffer=4096)
            raw.document({"action": "join-room", "message": "left in the middle", "since": 0})
            if i % 4:
                await asyncio.to_thread(raw.expect, "room-joined")
            if i % 2:
                raw.abort()
            else:
                raw.close()
        await until_async(lambda: server.metric("chatd_clients") == 1, "one client")
        await until_async(lambda: server.metric("chatd_outbox_bytes") == 0, "nothing waits")
        await ann.close()
        await until_async(lambda: server.metric("chatd_rooms") == 0, "no room runs")


# ---- private rooms ----------------------------------------------------------------------------


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


run(limit=200)
