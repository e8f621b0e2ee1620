#!/usr/bin/python3 -B
"""Each defect of the tutorial's design that needs no Redis: it is tried, and the right thing happens."""
import sqlite3

from chat import *


# ---- one client can take the server down -------------------------------------------------------


@test("defect: send-message without a target takes the server down")
async def _(server):
    ann = await Client.connect(server)
    for document in ({"action": "send-message", "message": "x"},
                     {"action": "send-message", "message": "x", "target": None}):
        await ann.refused(document, "bad-request")
    await ann.close()


@test("defect: null, an array, a number or deep nesting takes the server down")
async def _(server):
    ann = await Client.connect(server)
    for text in "null", "[]", "7", "[" * 60000, '{"target":' * 5000 + "null" + "}" * 5000, '""':
        await ann.refused(text, "bad-json")
    await ann.close()


@test("defect: a disconnect between upgrade and registration takes the server down")
def _(server):
    for i in range(100):
        raw = Raw(server, upgrade=False)
        raw.send(upgrade_request(f"Flash {i}"))
        raw.abort()
    until(lambda: server.metric("chatd_clients") == 0, "nobody is left")
    until(lambda: server.metric("chatd_users_online") == 0, "no ghost is left")


@test("defect: a disconnect during a broadcast takes the server down")
async def _(server):
    ann = await Client.connect(server, "Ann")
    room = await ann.join("broadcast")
    raws = [Raw(server, f"Gone {i}") for i in range(40)]
    for each in raws:
        each.document({"action": "join-room", "message": "broadcast"})
    for i in range(40):
        await ann.expect("send-message", message=f"Gone {i} joined the room")
        await ann.expect("user-join", sender={"name": f"Gone {i}"})
    for i in range(200):
        await ann.send(message(room, "x" * 5000, f"{i}"))
        if i % 5 == 0:
            raws[i // 5].abort()
    await ann.expect("message-ack", id="199", seq=200)
    await ann.expect("send-message", seq=200)
    for i in range(40):
        await ann.expect("user-left", sender={"name": f"Gone {i}"})
    await ann.close()


@test("defect: one of two of the same name leaves, and the list or the server breaks")
async def _(server):
    ann, one, two = await connect_all(server, "Ann", "Same", "Same")
    await one.close()
    await ann.expect("user-left", sender={"id": one.id})
    equal(ann.has("user-left", sender={"id": two.id}), [])
    await two.close()
    await ann.expect("user-left", sender={"id": two.id})
    await ann.close()


@test("defect: a busy database takes the server down")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("busy database")
    lock = sqlite3.connect(server.database, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    await ann.send(message(room, "waits", "1"))
    await ann.round_trip()
    lock.execute("ROLLBACK")
    lock.close()
    await ann.expect("message-ack", id="1", seq=1)
    await ann.close()


# ---- who may do what ---------------------------------------------------------------------------


@test("defect: one can send to a room that one has not joined")
async def _(server):
    ann, eve = await connect_all(server, "Ann", "Eve")
    room = await ann.join("not for Eve")
    await eve.refused(message(room, "intruder", "e"), "not-a-member")
    await ann.post(room, "mine")
    await ann.expect("send-message", message="mine", seq=1)
    equal(ann.has("send-message", message="intruder"), [])
    await ann.close()
    await eve.close()


@test("defect: a room with the name of an internal channel sees or injects the server's events")
async def _(server):
    ann, eve = await connect_all(server, "Ann", "Eve")
    probe = await ann.join("probe")
    names = ["general", "chat:general", "lobby", f"chat:room:{probe}", f"room:{probe}", probe, "chat:*"]
    forged = json.dumps({"action": "user-join", "sender": {"id": "forged", "name": "Forged"}})
    rooms = [await eve.join(name) for name in names]
    assert probe not in rooms, rooms
    for room in rooms:
        await eve.post(room, forged)
    bob = await Client.connect(server, "Bob")
    await ann.expect("user-join", sender={"id": bob.id})
    await ann.post(probe, "not for Eve")
    await bob.close()
    await ann.expect("user-left", sender={"id": bob.id})
    await eve.expect("user-left", sender={"id": bob.id})
    for each in ann, eve:
        equal(each.has("user-join", sender={"id": "forged"}), [], "forged events")
        equal(len(each.has("user-join", sender={"id": bob.id})), 1, "events of Bob")
    equal(eve.has("send-message", message="not for Eve"), [])
    equal({each["message"] for each in eve.has("send-message") if "seq" in each}, {forged})
    await ann.close()
    await eve.close()


@test("defect: the name that a private chat will get can be taken by a public room beforehand")
async def _(server):
    ann, bob, eve = await connect_all(server, "Ann", "Bob", "Eve")
    for name in ann.id + bob.id, bob.id + ann.id:
        await eve.join(name)
    await ann.send({"action": "join-room-private", "message": bob.id})
    room = (await ann.expect("room-joined", target={"private": True}))["target"]["id"]
    await bob.expect("room-joined", target={"id": room})
    await ann.post(room, "between us")
    await bob.expect("send-message", message="between us")
    await eve.round_trip()
    equal(eve.has("send-message", message="between us"), [])
    for each in ann, bob, eve:
        await each.close()


@test("defect: target and sender of a message are passed on as the client wrote them")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("honest")
    await bob.join("honest")
    await ann.send({"action": "send-message", "message": "lie", "seq": 99, "ts": 1, "id": "lie",
                    "target": {"id": room, "name": "<b>forged</b>", "private": True, "extra": 1},
                    "sender": {"id": bob.id, "name": "Bob"}, "extra": {"x": 1}})
    document = await bob.expect("send-message", message="lie")
    equal(document["target"], {"id": room, "name": "honest"})
    equal(document["sender"], {"id": ann.id, "name": "Ann"})
    equal((document["seq"], document["ts"] > 1, "extra" in document), (1, True, False))
    await ann.close()
    await bob.close()


@test("defect: no limit on anything: names, rooms of a client, size, connections")
async def _():
    with Server("--max-clients=2", "--max-rooms-per-client=2", "--limit-messages=1000") as server:
        ann, bob = await connect_all(server, "Ann", "Bob")
        try:
            await Client.connect(server, "Carl")
            raise AssertionError("a third client was let in")
        except websockets.InvalidStatusCode as refusal:
            equal(refusal.status_code, 503)
        for name in "one", "two":
            await ann.join(name)
        await ann.refused({"action": "join-room", "message": "three"}, "too-many-rooms")
        await ann.refused({"action": "join-room", "message": "x" * 129}, "bad-name")
        await ann.close()
        await bob.send(" " * 65537)
        equal((await bob.closed())[0], 1009)


# ---- lost or sent astray -----------------------------------------------------------------------


@test("defect: nothing of a message is kept")
async def _(server):
    ann = await Client.connect(server)
    await ann.post(await ann.join("kept"), "a text to be kept")
    database = sqlite3.connect(f"file:{server.database}?mode=ro", uri=True)
    assert any("a text to be kept" in line for line in database.iterdump())
    database.close()
    await ann.close()


@test("defect: two who create one room at the same time get two rooms")
async def _(server):
    clients = await connect_all(server, *[f"User {i}" for i in range(8)])
    for i in range(20):
        rooms = await asyncio.gather(*(each.join(f"at once {i}") for each in clients))
        equal(len(set(rooms)), 1, "rooms")
    for each in clients:
        await each.close()


@test("defect: a message to a room by its id vanishes after a restart")
async def _():
    first = Server()
    ann = await Client.connect(first, "Ann")
    room = await ann.join("restarted")
    first.stop()
    await ann.reader
    with Server(folder=first.folder) as second:
        ann = await Client.connect(second, "Ann")
        await ann.refused(message(room, "too early", "1"), "not-a-member")
        equal(await ann.join("restarted"), room)
        equal((await ann.post(room, "now", "1"))["seq"], 1)
        await ann.expect("send-message", message="now")
        await ann.close()


@test("defect: a message is published before the room's subscription stands, and lost")
async def _():
    with Server("--room-grace=0") as server:
        for i in range(50):
            ann = await Client.connect(server)
            room = await ann.join(f"fresh {i % 5}")
            seq = (await ann.post(room, "the first one"))["seq"]
            await ann.expect("send-message", seq=seq)
            await ann.close()


@test("defect: A and B have two private rooms, one for each direction")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    await ann.send({"action": "join-room-private", "message": bob.id})
    room = (await ann.expect("room-joined"))["target"]["id"]
    await bob.expect("room-joined", target={"id": room})
    await bob.send({"action": "join-room-private", "message": ann.id})
    equal((await bob.expect("room-joined"))["target"]["id"], room)
    await ann.close()
    await bob.close()


@test("defect: an invitation to somebody who is away is lost in silence")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    await bob.close()
    await ann.expect("user-left", sender={"id": bob.id})
    room = (await ann.join_private(bob.id))["target"]["id"]
    await ann.post(room, "call me")
    again = await bob.return_to(server)
    await again.expect("room-joined", target={"id": room}, since=0)
    await again.expect("send-message", message="call me", seq=1)
    await ann.refused({"action": "join-room-private", "message": "nobody"}, "no-such-user")
    await close_all(ann, again)


# ---- ghosts --------------------------------------------------------------------------------------


@test("defect: the list of those online and the news of it race: duplicates, misses")
async def _(server):
    for _ in range(10):
        clients = await connect_all(server, *[f"User {i}" for i in range(10)])
        everybody = sorted(each.id for each in clients)
        for each in clients:
            await until_async(lambda: len(each.has("user-join")) >= 10, "all are told")
        last = await Client.connect(server, "Last")
        for each in clients:
            await each.expect("user-join", sender={"id": last.id})
            joins = sorted(document["sender"]["id"] for document in each.has("user-join"))
            equal(joins, sorted([*everybody, last.id]), "one user-join for each")
        await last.close()
        await asyncio.gather(*(each.close() for each in clients))
        await until_async(lambda: server.metric("chatd_users_online") == 0, "nobody is online")


# ---- stalls --------------------------------------------------------------------------------------


@test("defect: one who does not read stalls the room, the lobby, and then all who connect")
async def _(server):
    ann = await Client.connect(server, "Ann")
    room = await ann.join("stalled")
    slow = Raw(server, "Slow", receive_buffer=4096)
    slow.document({"action": "join-room", "message": "stalled"})
    await ann.expect("send-message", message="Slow joined the room")
    for i in range(600):
        if server.metric("chatd_outbox_bytes"):
            break
        await ann.post(room, "x" * 10000)
    assert server.metric("chatd_outbox_bytes"), "nothing waits for the slow one"
    for i in range(20):
        bob = await Client.connect(server, f"Bob {i}")
        await bob.join("stalled")
        await ann.post(room, f"hello {i}")
        await bob.expect("send-message", message=f"hello {i}")
        await bob.close()
    slow.abort()
    await ann.close()


@test("defect: the database's work holds up what has nothing to do with it")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    await ann.join("held up")
    lock = sqlite3.connect(server.database, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    await ann.send({"action": "join-room", "message": "has to wait"})
    for _ in range(50):
        await bob.round_trip()
    equal(server.request("/healthz")[0], 200)
    equal(ann.has("room-joined", target={"name": "has to wait"}), [])
    lock.execute("ROLLBACK")
    lock.close()
    await ann.expect("room-joined", target={"name": "has to wait"})
    await ann.close()
    await bob.close()


# ---- operation -----------------------------------------------------------------------------------


@test("defect: the name in the address is not decoded")
async def _(server):
    ann = await Client.connect(server, "A&B = 50% + 1 #?/")
    equal(ann.name, "A&B = 50% + 1 #?/")
    await ann.close()


@test("defect: no error replies: every refused command gets one")
async def _(server):
    ann = await Client.connect(server)
    bad = ["null", "{}", '{"action":"x"}', '{"action":"join-room","message":""}',
           '{"action":"leave-room","message":"x"}', '{"action":"join-room-private","message":"x"}',
           '{"action":"send-message","message":"x","target":{"id":"x"}}']
    for _ in range(20):
        await ann.send(*bad)
    await until_async(lambda: len(ann.has("error")) == 20 * len(bad), "an error for each")
    await ann.close()


@test("defect: the page loads from other hosts")
def _(server):
    status, headers, body = server.request("/")
    equal(status, 200)
    linked = re.findall(r"""(?:src|href)=["']?([^"' >]+)""", body.decode())
    assert linked, "the page links nothing"
    for each in linked:
        assert not re.match(r"(\w+:)?//", each), f"{each} is somewhere else"
        equal(server.request("/" + each.lstrip("./"))[0], 200, each)


@test("defect: fixed paths: the server runs from any folder, with its page")
def _():
    folder = temporary_folder()
    with Server(prefix=("sh", "-c", f"cd {folder} && exec \"$@\"", "sh")) as server:
        equal(server.request("/")[0], 200)
        equal(sorted(os.listdir(folder)), [], "what it leaves there")


run()
