#!/usr/bin/python3 -B
"""A room's past over HTTP: who is given it, and who is not."""
import sqlite3

from chat import *


def seqs(page):
    return [each["seq"] for each in page["messages"]]


def fetch(server, room, query="", token=None, method="GET", **headers):
    """A page by HTTP: (status, headers, document)."""
    if token:
        headers["Authorization"] = f"Bearer {token}"
    status, answer, body = server.request(f"/api/rooms/{room}/messages{query}", headers, method)
    equal(answer["Content-Type"], "application/json; charset=utf-8")
    equal(answer["Cache-Control"], "no-store")
    equal(answer["X-Content-Type-Options"], "nosniff")
    if method != "HEAD":
        equal(int(answer["Content-Length"]), len(body))
    return status, answer, json.loads(body) if method != "HEAD" else body


def not_given(server, room, status, code, query="", token=None, method="GET", retry=False, **headers):
    actual, answer, document = fetch(server, room, query, token, method, **headers)
    equal((actual, document["action"], document["code"], document["retry"]),
          (status, "error", code, retry), f"{method} {room}{query}")
    assert document["message"], document
    return answer


@test("a page has what the WebSocket's page has, for every range")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("pages")
    await fill(ann, room, 250)
    for fields in ({}, {"limit": 3}, {"limit": 200}, {"limit": 201}, {"before": 101}, {"before": 51},
                   {"before": 1}, {"before": 0}, {"before": 2**53 - 1, "limit": 1}, {"after": 0},
                   {"after": 200}, {"after": 249, "limit": 9}, {"after": 250}):
        page = await ann.history(room, **fields)
        query = "?" + "&".join(f"{key}={value}" for key, value in fields.items())
        status, _, document = fetch(server, room, query, ann.token)
        equal(status, 200)
        equal(document, {key: page[key] for key in ("target", "messages", "more")}, query)
    await ann.close()


@test("over HTTP who has joined the room is given it, connected or not, also after a restart")
async def _():
    first = Server()
    ann, bob = await connect_all(first, "Ann", "Bob")
    room = await ann.join("by HTTP")
    await fill(ann, room, 3)
    not_given(first, room, 403, "not-a-member", token=bob.token)
    await close_all(ann, bob)
    for token in {"token": ann.token}, {"query": f"?bearer={ann.token}"}:
        status, _, page = fetch(first, room, **token)
        equal((status, set(page), seqs(page)), (200, {"target", "messages", "more"}, [1, 2, 3]))
    status, _, page = fetch(first, room, f"?after=1&bearer={ann.token}&limit=1")
    equal((status, seqs(page), page["more"]), (200, [2], True))
    first.stop()
    with Server(folder=first.folder) as second:
        equal(seqs(fetch(second, room, token=ann.token)[2]), [1, 2, 3])
        not_given(second, room, 403, "not-a-member", token=bob.token)


@test("after leave-room it is not given any more, and after joining again it is")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("left")
    await bob.join("left")
    await fill(ann, room, 3)
    equal(fetch(server, room, token=bob.token)[0], 200)
    await bob.send({"action": "leave-room", "message": room})
    await until_async(lambda: fetch(server, room, token=bob.token)[0] == 403, "it is not given")
    not_given(server, room, 403, "not-a-member", token=bob.token)
    equal(fetch(server, room, token=ann.token)[0], 200)
    await bob.join("left")
    equal(seqs(fetch(server, room, token=bob.token)[2]), [1, 2, 3])
    await close_all(ann, bob)


@test("a private room is given to its two users, and to no third one")
async def _(server):
    ann, bob, eve = await connect_all(server, "Ann", "Bob", "Eve")
    room = (await ann.join_private(bob.id))["target"]["id"]
    await bob.expect("room-joined", target={"id": room})
    await ann.post(room, "between us")
    for each in ann, bob:
        equal(fetch(server, room, token=each.token)[2]["messages"][0]["message"], "between us")
    not_given(server, room, 403, "not-a-member", token=eve.token)
    await close_all(ann, bob, eve)


@test("401 without a token or with a bad one, 403 for a room that is not one's own or not there")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("refusals")
    for token in None, "x", "A" * 43, ann.token + "x":
        equal(not_given(server, room, 401, "bad-token", token=token)["WWW-Authenticate"], "Bearer")
    not_given(server, room, 401, "bad-token", "?bearer=")
    not_given(server, room, 401, "bad-token", Authorization="Basic QW5uOnNlY3JldA==")
    for other in "nothing", "x" * 22, "x" * 36, "x" * 37, "x" * 2000, "%2e%2e", ann.id:
        not_given(server, other, 403, "not-a-member", token=ann.token)
    await ann.close()


@test("400 for a range that makes no sense, 405 for other methods, 404 for other paths")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("mistakes")
    for query in ("?before=x", "?before=-1", "?before=1.5", "?before=", "?after=+1", "?after=1e3",
                  "?before=5&after=1", "?limit=0", "?limit=-1", "?limit=x", "?limit=",
                  "?before=9007199254740992", "?before=99999999999999999999", "?after=%00"):
        not_given(server, room, 400, "bad-request", query, ann.token)
    for method in "POST", "PUT", "DELETE", "PATCH":
        answer = not_given(server, room, 405, "bad-request", token=ann.token, method=method)
        equal(answer["Allow"], "GET, HEAD")
    for path in ("/api", "/api/", "/api/rooms/", f"/api/rooms/{room}",
                 f"/api/rooms/{room}/", f"/api/rooms/{room}/messages/", "/api/rooms//messages",
                 f"/api/rooms/{room}/messages/1", f"/api/rooms/{room}/x", "/api/v2/rooms"):
        status, headers, body = server.request(path, {"Authorization": f"Bearer {ann.token}"})
        document = json.loads(body)
        equal((status, document["action"], document["code"]), (404, "error", "not-found"), path)
        equal(headers["X-Content-Type-Options"], "nosniff")
    await ann.close()


@test("HEAD is answered like GET, without the body")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("heads")
    await fill(ann, room, 3)
    status, answer, _ = fetch(server, room, token=ann.token)
    head_status, head, body = fetch(server, room, token=ann.token, method="HEAD")
    equal((head_status, body), (status, b""))
    equal(head["Content-Length"], answer["Content-Length"])
    equal(fetch(server, room, method="HEAD")[0], 401)
    await ann.close()


@test("who has just come in is given it before that is stored")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("just now")
    await fill(ann, room, 3)
    await bob.round_trip()
    lock = sqlite3.connect(server.database, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        not_given(server, room, 403, "not-a-member", token=bob.token)
        await bob.join("just now")
        status, _, page = fetch(server, room, token=bob.token)
        equal((status, seqs(page)), (200, [1, 2, 3]))
        await bob.send({"action": "leave-room", "message": room})
        await bob.round_trip()
    finally:
        lock.rollback()
    await until_async(lambda: fetch(server, room, token=bob.token)[0] == 403, "who has left is given no more")
    await close_all(ann, bob)


@test("a database that is locked for writing keeps nobody from reading")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("reading")
    await fill(ann, room, 3)
    lock = sqlite3.connect(server.database, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    start = time.monotonic()
    for _ in range(5):
        equal(fetch(server, room, token=ann.token)[0], 200)
        equal(seqs(await ann.history(room)), [1, 2, 3])
    took = time.monotonic() - start
    lock.execute("ROLLBACK")
    lock.close()
    assert took < 8 * PATIENCE, f"it took {took:.1f} s"
    await ann.close()


run()
