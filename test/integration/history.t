#!/usr/bin/python3 -B
"""A room's past, page by page, over the WebSocket; and who is typing."""
from chat import *

PAGE_BYTES = 256 * 1024  # about what a page has at most


def seqs(page):
    return [each["seq"] for each in page["messages"]]


def numbers(first, last):
    return list(range(first, last + 1))


@test("a page has the newest messages, in the order of their numbers, as they were sent")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("newest")
    await bob.join("newest")
    ack = await ann.post(room, "with an id", "own")
    await bob.send(message(room, 'without: "\\ \n 🐉'))
    await bob.expect("send-message", seq=2)
    late = await Client.connect(server, "Late")
    await late.join("newest")
    await late.send({"action": "history", "target": {"id": room}})
    page = await late.expect("history")
    equal(set(page), {"action", "target", "messages", "more"}, "fields")
    equal((page["target"], page["more"]), ({"id": room}, False))
    equal(page["messages"][0], {"message": "with an id", "sender": {"id": ann.id, "name": "Ann"},
                                "seq": 1, "ts": ack["ts"], "id": "own"})
    second = page["messages"][1]
    equal(second, {"message": 'without: "\\ \n 🐉', "sender": {"id": bob.id, "name": "Bob"}, "seq": 2,
                   "ts": bob.has("send-message", seq=2)[0]["ts"]})
    equal(late.has("send-message", seq=1), [], "messages besides the page")
    await close_all(ann, bob, late)


@test("before, after and limit; 50 unless said, and at most 200; `more` tells whether there are more")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("pages")
    await fill(ann, room, 450)
    for fields, expected, more in (
            ({}, numbers(401, 450), True),
            ({"limit": 3}, numbers(448, 450), True),
            ({"limit": 200}, numbers(251, 450), True),
            ({"limit": 201}, numbers(251, 450), True),
            ({"limit": 10**9}, numbers(251, 450), True),
            ({"before": 101}, numbers(51, 100), True),
            ({"before": 51}, numbers(1, 50), False),
            ({"before": 52}, numbers(2, 51), True),
            ({"before": 6, "limit": 5}, numbers(1, 5), False),
            ({"before": 7, "limit": 5}, numbers(2, 6), True),
            ({"before": 1}, [], False), ({"before": 0}, [], False),
            ({"before": 10**6, "limit": 2}, [449, 450], True),
            ({"before": 2**53 - 1, "limit": 1}, [450], True),
            ({"after": 0}, numbers(1, 50), True),
            ({"after": 400}, numbers(401, 450), False),
            ({"after": 399}, numbers(400, 449), True),
            ({"after": 440, "limit": 200}, numbers(441, 450), False),
            ({"after": 450}, [], False), ({"after": 10**6}, [], False)):
        page = await ann.history(room, **fields)
        equal((seqs(page), page["more"]), (expected, more), fields)
    await ann.close()


@test("page by page one gets to the beginning, and to the end, without hole or repeat")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("all pages")
    await fill(ann, room, 333)
    got, before = [], {}
    while True:
        page = await ann.history(room, limit=40, **before)
        got = page["messages"] + got
        if not page["more"]:
            break
        before = {"before": got[0]["seq"]}
    equal([each["message"] for each in got], [f"text {i}" for i in numbers(1, 333)], "backwards")
    got, after = [], 0
    while True:
        page = await ann.history(room, limit=40, after=after)
        got += page["messages"]
        if not page["more"]:
            break
        after = got[-1]["seq"]
    equal([each["message"] for each in got], [f"text {i}" for i in numbers(1, 333)], "forwards")
    await ann.close()


@test("a page of long texts is cut at about 256 KiB, at the far end, and the next one goes on")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("long texts")
    for i in range(100):
        await ann.send(message(room, f"{i + 1} " + "x" * 9990))
    await ann.expect("send-message", seq=100)
    for name, step in ("before", -1), ("after", 1):
        at = 101 if step < 0 else 0
        got = []
        while True:
            page = await ann.history(room, limit=200, **{name: at})
            size = len(json.dumps(page))
            assert size < PAGE_BYTES + 20000, f"{size} bytes"
            if not page["more"]:
                break
            assert size > PAGE_BYTES - 20000, f"{size} bytes, and there is more"
            got.append(seqs(page))
            at = got[-1][0] if step < 0 else got[-1][-1]
        got.append(seqs(page))
        equal([seq for each in got[::step] for seq in each], numbers(1, 100), name)
    await ann.close()


@test("an empty room has an empty page; the request's own id comes back")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("empty")
    for id in "p1", "x" * 64, '"\\\n🐉':
        await ann.send({"action": "history", "target": {"id": room}, "id": id})
        equal(await ann.expect("history"), {"action": "history", "target": {"id": room},
                                            "messages": [], "more": False, "id": id})
    await ann.close()


@test("only who is in the room, on this connection, is given a page")
async def _(server):
    ann, eve = await connect_all(server, "Ann", "Eve")
    room = await ann.join("members only")
    await fill(ann, room, 3)
    page = {"action": "history", "target": {"id": room}, "id": "p"}
    error = await eve.refused(page, "not-a-member")
    equal((error["refused"], error["id"], error["target"], error["retry"]),
          ("history", "p", {"id": room}, False))
    second = await ann.return_to(server)
    await second.refused(page, "not-a-member")
    await second.join("members only")
    equal(seqs(await second.history(room)), [1, 2, 3])
    await second.send({"action": "leave-room", "message": room})
    await second.refused(page, "not-a-member")
    equal(eve.has("history"), [])
    await close_all(ann, second, eve)


@test("many pages asked for at once are all answered, one after the other, and block nobody")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("at once")
    await bob.join("at once")
    await fill(ann, room, 200, "x" * 500)
    await ann.send(*({"action": "history", "target": {"id": room}, "limit": 200, "id": f"{i}"}
                     for i in range(200)))
    for i in range(20):
        ack = await bob.post(room, f"meanwhile {i}")
        equal(ack["seq"], 201 + i)
    for i in range(200):
        equal(len((await ann.expect("history", id=f"{i}"))["messages"]), 200)
    await close_all(ann, bob)


@test("pages that are larger than the outbox reach who reads slowly, one after the other")
async def _():
    with Server("--outbox=65536") as server:
        ann = await Client.connect(server, "Ann")
        room = await ann.join("slow pages")
        for i in range(50):
            await ann.send(message(room, f"{i + 1} " + "x" * 9900))
        await ann.expect("send-message", seq=50)
        slow = await asyncio.to_thread(Raw, server, "Slow", receive_buffer=4096)
        slow.document({"action": "join-room", "message": "slow pages", "since": 0})
        await asyncio.to_thread(slow.expect, "room-joined")
        for i in range(60):
            slow.document({"action": "history", "target": {"id": room}, "id": f"{i}"})
        pages, missed = [], []

        def read_all():
            while len(pages) < 60 or len(missed) < 50:
                opcode, payload = slow.read()
                equal(opcode, TEXT, f"opcode, with {payload!r}")
                for document in map(json.loads, payload.decode().split("\n")):
                    if document["action"] == "history":
                        pages.append((int(document["id"]), seqs(document)[-1]))
                    elif "seq" in document:
                        missed.append(document["seq"])

        await asyncio.to_thread(read_all)
        equal(sorted(pages), [(id, 50) for id in range(60)], "pages, and where they end")
        equal(missed, numbers(1, 50), "numbers of what was missed")
        equal(server.metric("chatd_slow_clients_closed_total"), 0)
        slow.close()
        await ann.close()


# ---- typing -----------------------------------------------------------------------------------


@test("typing is told to who is in the room, with the room and the user")
async def _(server):
    ann, bob, eve = await connect_all(server, "Ann", "Bob", "Eve")
    room = await ann.join("typing")
    await bob.join("typing")
    await eve.join("elsewhere")
    second = await ann.return_to(server)
    await second.join("typing")
    await ann.send({"action": "typing", "target": {"id": room}})
    for each in bob, second:
        equal(await each.expect("typing"),
              {"action": "typing", "target": {"id": room, "name": "typing"},
               "sender": {"id": ann.id, "name": "Ann"}})
    error = await eve.refused({"action": "typing", "target": {"id": room}}, "not-a-member")
    equal((error["refused"], error["target"]), ("typing", {"id": room}))
    await ann.post(room, "at last")
    await bob.expect("send-message", message="at last", seq=1)
    equal(eve.has("typing"), [])
    await close_all(ann, bob, second, eve)


@test("typing is told once a second for each room and client at most")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    rooms = [await ann.join(f"typing {i}") for i in range(2)]
    for i in range(2):
        await bob.join(f"typing {i}")
    start = time.monotonic()
    for _ in range(60):
        await ann.send(*({"action": "typing", "target": {"id": room}} for room in rooms))
        await asyncio.sleep(0.05)
    await ann.round_trip()
    for i, room in enumerate(rooms):
        await ann.post(room, "done")
        await bob.expect("send-message", target={"id": room}, message="done")
        took = time.monotonic() - start
        count = len(bob.has("typing", target={"id": room}))
        assert 2 <= count <= took + 1, f"{count} times in {took:.1f} s"
    equal(ann.has("error", code="rate-limited"), [])
    await close_all(ann, bob)


@test("typing does not count among the messages a second, and has no answer of its own")
async def _():
    with Server("--limit-messages=2") as server:
        ann, bob = await connect_all(server, "Ann", "Bob")
        room = await ann.join("rates")
        await bob.join("rates")
        await asyncio.sleep(1.1)
        for _ in range(20):
            await ann.send({"action": "typing", "target": {"id": room}})
        for i in range(2):
            await ann.post(room, f"text {i}")
        await bob.expect("typing")
        equal(ann.has("error"), [])
        await close_all(ann, bob)


run()
