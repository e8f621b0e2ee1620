#!/usr/bin/python3 -B
"""Each action and each error code of PROTOCOL.md."""
import time

from chat import *


# ---- connecting -----------------------------------------------------------------------------


@test("welcome comes first and says who one is, what the server is, and the limits")
async def _(server):
    ann = await Client.connect(server, "Ann")
    first = ann.received[0]
    equal(first["action"], "welcome")
    equal(set(first["user"]), {"id", "name"}, "fields of user")
    equal(first["user"]["name"], "Ann")
    assert 1 <= len(ann.id) <= 36, ann.id
    assert first["server"]["version"] and first["server"]["instance"], first
    equal(first["limits"], {"messageBytes": 10000, "frameBytes": 65536, "roomNameBytes": 128,
                            "rooms": 256, "underWay": 64, "messagesPerSecond": 0,
                            "resume": 500, "history": 200})
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", first["token"]), first["token"]
    days = (first["tokenExpires"] - time.time() * 1000) / 86400000
    assert 29.9 < days <= 30, f"the token is good for {days} days"
    await ann.close()


@test("a name is decoded, trimmed and kept: percent-encoding, several scripts, markup")
async def _(server):
    for name in "Ärger & Söhne", "李小龙 🐉", "<b>x</b>", "a=b?c#d%20+", "x" * 64:
        client = await Client.connect(server, f"  {name} ")
        equal(client.name, name)
        await client.close()


@test("a name that is missing, empty, too long, or not valid is refused with 400 bad-name")
def _(server):
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    for query in ("", "?name=", "?name=%20%20", "?other=x", "?name=" + "x" * 65, "?name=%FF",
                  "?name=a%01b", "?name=a%00b", "?name=%ED%A0%80", "?name=%C3%A4" + "x" * 63):
        status, _, body = server.request("/ws" + query, upgrade)
        equal(status, 400, f"status for {query!r}")
        document = json.loads(body)
        equal((document["action"], document["code"], document["retry"]),
              ("error", "bad-name", False), query)


@test("origin-refused: pages of other sites, unless --origin names them")
async def _():
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    for options, foreign in ((), 403), (("--origin=http://evil.example",), 101):
        with Server(*options) as server:
            own = f"http://127.0.0.1:{server.port}"
            for origin, expected in ((None, 101), (own, 101), ("http://127.0.0.1:1", 403),
                                     ("null", 403), ("http://evil.example", foreign)):
                if expected == 101:
                    raw = Raw(server, upgrade=False)
                    own_field = f"\r\nOrigin: {origin}".encode() if origin else b""
                    request = upgrade_request("Ann").replace(b"localhost", own[7:].encode())
                    raw.send(request[:-4] + own_field + b"\r\n\r\n")
                    raw.read_head()
                    raw.expect("welcome")  # who leaves before is not counted as accepted
                    raw.close()
                    continue
                status, _, body = server.request("/ws?name=Ann", {**upgrade, "Origin": origin})
                equal(status, 403, f"status for {origin} with {options}")
                document = json.loads(body)
                equal((document["action"], document["code"], document["retry"]),
                      ("error", "origin-refused", False))
            accepted = 2 + (foreign == 101)
            equal(server.metric("chatd_clients_accepted_total"), accepted)


@test("what is no WebSocket upgrade of version 13 gets 400 or 426 on /ws")
def _(server):
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "12",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    for headers, method in ({}, "GET"), (upgrade, "GET"), ({}, "POST"):
        status = server.request("/ws?name=Ann", headers, method)[0]
        assert status in (400, 405, 426), f"{status} for {method} with {headers}"


@test("on connecting one is told of each user online once, oneself included")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    carl = await Client.connect(server, "Carl")
    for each in ann, bob, carl:
        equal(len(carl.has("user-join", sender={"id": each.id, "name": each.name})), 1, each.name)
    await ann.expect("user-join", sender={"id": carl.id, "name": "Carl"})
    await carl.close()
    await ann.expect("user-left", sender={"id": carl.id, "name": "Carl"})
    await ann.close()
    await bob.close()


# ---- rooms ----------------------------------------------------------------------------------


@test("join-room makes the room and answers with room-joined")
async def _(server):
    ann = await Client.connect(server)
    await ann.send({"action": "join-room", "message": "new room"})
    joined = await ann.expect("room-joined")
    equal(set(joined), JOINED, "fields")
    equal(set(joined["target"]), {"id", "name", "private"}, "fields of target")
    equal((joined["target"]["name"], joined["target"]["private"]), ("new room", False))
    equal((joined["sender"], joined["lastSeq"]), (None, 0))
    await ann.close()


@test("room names are trimmed, and compared byte by byte")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("Byte room")
    equal(await bob.join(" \t Byte room \n"), room, "the trimmed name")
    assert await bob.join("byte room") != room
    assert await bob.join("Byte  room") != room
    equal(await bob.join("é" * 64), await ann.join("é" * 64), "128 bytes")
    await ann.close()
    await bob.close()


@test("a message reaches each member once, the sender too, with all its fields")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("fields")
    await bob.join("fields")
    before = time.time() * 1000
    await ann.send(message(room, "hello", "c1-17"))
    ack = await ann.expect("message-ack")
    equal(set(ack), {"action", "id", "target", "seq", "ts"}, "fields of the ack")
    equal((ack["id"], ack["target"], ack["seq"]), ("c1-17", {"id": room}, 1))
    assert before - 1 <= ack["ts"] <= time.time() * 1000 + 1, ack["ts"]
    expected = {"action": "send-message", "message": "hello", "target": {"id": room, "name": "fields"},
                "sender": {"id": ann.id, "name": "Ann"}, "seq": 1, "ts": ack["ts"], "id": "c1-17"}
    for each in ann, bob:
        equal(await each.expect("send-message", seq=1), expected)
    await ann.round_trip()
    equal(len(ann.has("send-message", seq=1)) + len(bob.has("send-message", seq=1)), 2)
    equal(bob.has("message-ack"), [], "acks of a message by somebody else")
    await ann.close()
    await bob.close()


@test("a message without id is delivered without one, and not acknowledged")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("no id")
    await ann.send(message(room, "hello"))
    document = await ann.expect("send-message", seq=1)
    assert "id" not in document, document
    equal((await ann.post(room, "next"))["seq"], 2)
    equal(len(ann.has("message-ack")), 1, "acks")
    await ann.close()


@test("all members get the numbers 1, 2, 3 … in one order; lastSeq says where one came in")
async def _(server):
    clients = await connect_all(server, "Ann", "Bob", "Carl")
    rooms = [await each.join("order") for each in clients]
    for i in range(50):
        for each in clients:
            await each.send(message(rooms[0], f"{each.name} {i}", f"{i}"))
    for each in clients:
        await each.expect("send-message", seq=150)
    orders = [[(each["seq"], each["message"]) for each in client.has("send-message")
               if "seq" in each] for client in clients]
    equal([seq for seq, _ in orders[0]], list(range(1, 151)), "numbers")
    assert orders[0] == orders[1] == orders[2], "the order differs"
    for each in clients:
        own = [text for _, text in orders[0] if text.startswith(each.name)]
        equal(own, [f"{each.name} {i}" for i in range(50)], "one sender's messages")
    late = await Client.connect(server, "Dora")
    await late.send({"action": "join-room", "message": "order"})
    equal((await late.expect("room-joined"))["lastSeq"], 150)
    equal((await clients[0].post(rooms[0], "now"))["seq"], 151)
    await late.expect("send-message", seq=151)
    equal([each["seq"] for each in late.has("send-message") if "seq" in each], [151])
    for each in (*clients, late):
        await each.close()


@test("others are told of a join and a leave by a notice without sender and seq")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("notices")
    await bob.join("notices")
    notice = await ann.expect("send-message", message="Bob joined the room", target={"id": room})
    assert "seq" not in notice and not notice.get("sender"), notice
    await bob.send({"action": "leave-room", "message": room})
    notice = await ann.expect("send-message", message="Bob left the room", target={"id": room})
    assert "seq" not in notice and not notice.get("sender"), notice
    await bob.join("notices")
    await ann.expect("send-message", message="Bob joined the room")
    await bob.close()
    await ann.expect("send-message", message="Bob left the room")
    await ann.close()


@test("joining a room again is answered again, and told to nobody")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("again")
    await bob.join("again")
    await ann.expect("send-message", message="Bob joined the room")
    equal(await bob.join("again"), room)
    await bob.post(room, "after")
    await ann.expect("send-message", message="after")
    equal(len(ann.has("send-message", message="Bob joined the room")), 1, "notices")
    await bob.send({"action": "leave-room", "message": room})
    await bob.refused(message(room, "gone"), "not-a-member")
    await ann.close()
    await bob.close()


@test("who has left a room gets nothing of it, and what is said meanwhile counts in lastSeq")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("left")
    await bob.join("left")
    await bob.send({"action": "leave-room", "message": room})
    await bob.round_trip()
    await ann.expect("send-message", message="Bob left the room")
    equal((await ann.post(room, "behind your back"))["seq"], 1)
    await bob.send({"action": "join-room", "message": "left"})
    equal((await bob.expect("room-joined", lastSeq=1))["target"]["id"], room)
    await ann.post(room, "hello again")
    await bob.expect("send-message", message="hello again", seq=2)
    equal(bob.has("send-message", message="behind your back"), [])
    await ann.close()
    await bob.close()


@test("a text comes back as it was sent: quotes, line breaks, markup, emoji, U+2028, U+10FFFF")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("texts")
    for text in ('"quoted" \\ /', "two\nlines\r\nand\ttabs", "<script>alert(1)</script>", "🐉👩‍👩‍👧",
                 "\u2028\u2029\ufeff", "\U0010ffff\ufffd", " padded ", "x" * 10000, "ä" * 5000,
                 "\x01\x1f\x7f"):
        ack = await ann.post(room, text)
        equal((await ann.expect("send-message", seq=ack["seq"]))["message"], text)
    await ann.close()


@test("several documents a frame, with any white space between them, are done in their order")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("frames")
    lines = [json.dumps(message(room, str(i), str(i))) for i in range(20)]
    await ann.send("\n\n  " + " \r\n \t".join(lines) + "\n\n")
    for i in range(20):
        equal((await ann.expect("message-ack"))["id"], str(i))
    await ann.close()


@test("unknown fields are ignored; of a name that stands twice the first one counts")
async def _(server):
    ann = await Client.connect(server)
    await ann.send('{"action":"join-room","message":"first","message":"second","x":[{"y":null}]}')
    equal((await ann.expect("room-joined"))["target"]["name"], "first")
    await ann.close()


@test("500 messages sent without waiting for an answer are all acknowledged in order")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("pipeline")
    for i in range(500):
        await ann.send(message(room, f"text {i}", f"id {i}"))
    for i in range(500):
        ack = await ann.expect("message-ack")
        equal((ack["id"], ack["seq"]), (f"id {i}", i + 1))
    await ann.close()


# ---- errors ---------------------------------------------------------------------------------


@test("bad-json: whatever is no object, and the server goes on")
async def _(server):
    ann = await Client.connect(server)
    deep = '{"a":' * 17 + "1" + "}" * 17
    for text in ("nonsense", "null", "true", "42", '"text"', "[]", "[1,2]", '{"action":"join-room"',
                 "{", "}", '{"action":"join-room","message":"a\\u0000b"}', deep, "[" * 1000,
                 '{"a":' * 10000, "{'action':1}", '{"a":01}',
                 '{"action":"join-room","message":"\\ud800"}'):
        error = await ann.refused(text, "bad-json")
        equal(error["retry"], False, text[:40])
    await ann.join("after bad json")
    await ann.close()


@test("bad-json: the rest of that line is skipped, the next one is done")
async def _(server):
    ann = await Client.connect(server)
    await ann.send('{"a":} {"action":"join-room","message":"skipped"}\n'
                   '{"action":"join-room","message":"done"}')
    await ann.expect("error", code="bad-json")
    equal((await ann.expect("room-joined"))["target"]["name"], "done")
    await ann.round_trip()
    equal(len(ann.has("room-joined")), 1)
    equal(len(ann.has("error", code="bad-json")), 1)
    await ann.close()


@test("bad-json: whatever is wrong with a line, the next one is done")
async def _(server):
    ann = await Client.connect(server)
    bad = ["null", "[]", "{", "}", '{"a":}', '"x"', "nonsense", '{"a":"\\u0000"}', '{"a":' * 20]
    await ann.send(*(line for i, text in enumerate(bad)
                     for line in (text, json.dumps({"action": f"after-{i}"}))))
    for i in range(len(bad)):
        await ann.expect("error", code="unknown-action", refused=f"after-{i}")
    equal(len(ann.has("error", code="bad-json")), len(bad), "errors")
    await ann.close()


@test("objects nested 16 deep are taken")
async def _(server):
    ann = await Client.connect(server)
    await ann.send('{"action":"join-room","message":"sixteen","deep":' + '{"a":' * 15 + "1"
                   + "}" * 16)
    await ann.expect("room-joined")
    await ann.close()


@test("bad-request: a field is missing, empty or of the wrong type")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("requests")
    text = {"action": "send-message", "message": "x", "target": {"id": room}}
    page = {"action": "history", "target": {"id": room}}
    for document in (
            {}, {"message": "x"}, {"action": 5}, {"action": None}, {"action": ["join-room"]},
            {"action": "join-room"}, {"action": "join-room", "message": 5},
            {"action": "join-room", "message": None}, {"action": "join-room", "message": {"a": 1}},
            {"action": "leave-room"}, {"action": "leave-room", "message": 1},
            {"action": "leave-room", "message": ""},
            {"action": "join-room-private"}, {"action": "join-room-private", "message": []},
            {"action": "join-room-private", "message": ""},
            {"action": "send-message", "message": "x"},
            {**text, "target": None}, {**text, "target": "x"}, {**text, "target": []},
            {**text, "target": {}}, {**text, "target": {"id": 1}}, {**text, "target": {"id": None}},
            {**text, "message": ""}, {**text, "message": 7}, {**text, "message": None},
            {"action": "send-message", "target": {"id": room}},
            {**text, "id": ""}, {**text, "id": 5}, {**text, "id": "x" * 65}, {**text, "id": {}},
            *({"action": action, "message": "x", "since": since}
              for action in ("join-room", "join-room-private")
              for since in (-1, 1.5, "3", None, [], {}, True, 2**53, 1e300)),
            {"action": "history"}, {"action": "history", "target": {}},
            {"action": "history", "target": room}, {**page, "id": ""}, {**page, "id": 5},
            {**page, "before": 3, "after": 1}, {**page, "before": -1}, {**page, "after": "1"},
            {**page, "after": 0.5}, {**page, "before": None}, {**page, "limit": 0},
            {**page, "limit": -1}, {**page, "limit": 1.5}, {**page, "limit": "5"},
            {"action": "typing"}, {"action": "typing", "target": room},
            {"action": "typing", "target": {"id": 7}}):
        error = await ann.refused(document, "bad-request")
        equal(error["retry"], False)
        if isinstance(document.get("action"), str):
            equal(error["refused"], document["action"])
    equal((await ann.post(room, "still here", "x" * 64))["seq"], 1)
    await ann.close()


@test("unknown-action: named in the error")
async def _(server):
    ann = await Client.connect(server)
    for action in "send", "SEND-MESSAGE", "user-join", "welcome", "x" * 1000, "":
        await ann.send({"action": action, "message": "x"})
        error = await ann.expect("error")
        assert error["code"] == "unknown-action" or not action, error
        equal(error["retry"], False)
    await ann.close()


@test("bad-name: a room name that is empty, too long or has control characters")
async def _(server):
    ann = await Client.connect(server)
    for name in "", "   ", "x" * 129, "ä" * 64 + "x", "a\u0001b", "a\nb", "a\u007fb":
        error = await ann.refused({"action": "join-room", "message": name}, "bad-name")
        equal((error["retry"], error["refused"]), (False, "join-room"), name)
    await ann.close()


@test("too-long: a text of more than 10,000 bytes")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("long")
    for text in "x" * 10001, "ä" * 5001, "x" * 60000:
        error = await ann.refused(message(room, text, "long"), "too-long")
        equal((error["retry"], error["refused"], error["id"], error["target"]),
              (False, "send-message", "long", {"id": room}))
    equal((await ann.post(room, "short", "long"))["seq"], 1)
    await ann.close()


@test("not-a-member: posting to, or leaving, a room one is not in, whether or not it exists")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("members only")
    for target in room, "no-such-room", "x" * 36, "x" * 1000, "../general", "general":
        error = await bob.refused(message(target, "intruder", "i1"), "not-a-member")
        equal((error["retry"], error["refused"], error["id"]), (False, "send-message", "i1"))
        for document in ({"action": "leave-room", "message": target},
                         {"action": "history", "target": {"id": target}},
                         {"action": "typing", "target": {"id": target}}):
            error = await bob.refused(document, "not-a-member")
            equal((error["retry"], error["refused"]), (False, document["action"]))
    equal((await ann.post(room, "alone"))["seq"], 1)
    equal(ann.has("send-message", message="intruder"), [])
    await ann.close()
    await bob.close()


@test("no-such-user: a private chat with nobody; one who has gone is somebody")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    await bob.close()
    await ann.expect("user-left", sender={"id": bob.id})
    for id in "nobody", "x" * 500, ann.id[::-1]:
        error = await ann.refused({"action": "join-room-private", "message": id}, "no-such-user")
        equal((error["retry"], error["refused"]), (False, "join-room-private"))
    equal((await ann.join_private(bob.id))["sender"], {"id": bob.id, "name": "Bob"})
    await ann.close()


@test("an error tells only what could be read of the command")
async def _(server):
    ann = await Client.connect(server)
    error = await ann.refused("nonsense", "bad-json")
    equal(set(error), {"action", "code", "message", "retry"}, "fields")
    await ann.close()


@test("rate-limited: more messages a second than --limit-messages, said in welcome")
async def _():
    with Server("--limit-messages=5") as server:
        ann = await Client.connect(server)
        limits = ann.welcome["limits"]
        equal((limits["messagesPerSecond"], limits["messagesAtOnce"]), (5, 5))
        room = await ann.join("rate")
        for i in range(200):
            await ann.send(message(room, "x", str(i)))
        errors = acks = 0
        for i in range(200):
            while True:
                got = [each for each in ann.pending if each.get("id") == str(i)
                       and each["action"] in ("error", "message-ack")]
                if got:
                    break
                async with ann.news:
                    await ann.news.wait()
            equal(len(got), 1, f"answers to {i}")
            if got[0]["action"] == "error":
                equal((got[0]["code"], got[0]["retry"]), ("rate-limited", True))
                assert 0 < got[0]["retryAfter"] <= 200, got[0]
                errors += 1
            else:
                acks += 1
        assert acks >= 5, f"{acks} acks"
        assert errors >= 100, f"{errors} errors"
        await until_ack(ann, room)
        await ann.close()


async def until_ack(client, room):
    """The same command succeeds later."""
    end = time.monotonic() + LIMIT
    for i in itertools.count():
        await client.send(message(room, "later", f"later-{i}"))
        while True:
            answers = [each for each in client.pending if each.get("id") == f"later-{i}"
                       and each["action"] in ("error", "message-ack")]
            if answers:
                break
            async with client.news:
                await client.news.wait()
        if answers[0]["action"] == "message-ack":
            return
        assert time.monotonic() < end, "rate-limited for ever"
        await asyncio.sleep(0.1)


@test("too-many-rooms: more rooms than --max-rooms-per-client; leaving one makes room")
async def _():
    with Server("--max-rooms-per-client=3") as server:
        ann = await Client.connect(server)
        equal(ann.welcome["limits"]["rooms"], 3)
        rooms = [await ann.join(f"room {i}") for i in range(3)]
        error = await ann.refused({"action": "join-room", "message": "room 3"}, "too-many-rooms")
        equal((error["retry"], error["refused"]), (True, "join-room"))
        equal(await ann.join("room 1"), rooms[1], "a room one is in already")
        await ann.send({"action": "leave-room", "message": rooms[0]})
        await ann.join("room 3")
        await ann.close()


@test("too-many-rooms: more rooms running than --max-rooms; one that has stopped makes room")
async def _():
    with Server("--max-rooms=2", "--room-grace=0") as server:
        ann, bob = await connect_all(server, "Ann", "Bob")
        room = await ann.join("one")
        await ann.join("two")
        error = await bob.refused({"action": "join-room", "message": "three"}, "too-many-rooms")
        equal(error["retry"], True)
        equal(await bob.join("one"), room, "a room that runs")
        await bob.send({"action": "leave-room", "message": room})
        await ann.send({"action": "leave-room", "message": room})
        await ann.round_trip()
        await until_async(lambda: server.metric("chatd_rooms") < 2, "a room has stopped")
        refusals = None
        while refusals != len(bob.has("error", code="too-many-rooms")):  # until its thread has ended, too
            refusals = len(bob.has("error", code="too-many-rooms"))
            await bob.send({"action": "join-room", "message": "three"})
            await bob.round_trip()
        await bob.expect("room-joined", target={"name": "three"})
        await ann.close()
        await bob.close()


# ---- other paths ----------------------------------------------------------------------------


@test("/healthz answers 200 with status, version and instance")
async def _(server):
    ann = await Client.connect(server)
    status, headers, body = server.request("/healthz")
    equal(status, 200)
    document = json.loads(body)
    equal(document["status"], "ok")
    equal((document["version"], document["instance"]),
          (ann.welcome["server"]["version"], ann.welcome["server"]["instance"]))
    await ann.close()


@test("/metrics counts clients, users, rooms and messages")
async def _(server):
    await until_async(lambda: server.metric("chatd_clients") == 0, "no client")
    stored = server.metric("chatd_messages_stored_total")
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("counted")
    for i in range(3):
        await ann.post(room, "x")
    equal(server.metric("chatd_clients"), 2)
    equal(server.metric("chatd_users_online"), 2)
    assert server.metric("chatd_rooms") >= 1
    equal(server.metric("chatd_messages_stored_total") - stored, 3, "messages")
    assert server.metric("chatd_commits_total") >= 1
    await ann.close()
    await bob.close()
    await until_async(lambda: server.metric("chatd_clients") == 0, "no client")
    await until_async(lambda: server.metric("chatd_users_online") == 0, "no user")


run()
