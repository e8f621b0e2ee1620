#!/usr/bin/python3 -B
"""What ends a session ends its connections too, on every instance; and guests give way to accounts."""
import statistics

from accounts import *
from redis import Cluster


def sessions_of(server, token):
    answer = ask(server, "GET", "me", token=token)
    equal(answer.status, 200, "the status of me")
    return answer.body["sessions"]


class Pair:
    """Two instances on one database, without a Redis: one hears of the other within a second."""

    def __init__(self, *options):
        self.one = Server(*options)
        self.two = Server(*options, folder=self.one.folder)

    def stop(self):
        self.one.stop()
        self.two.stop()


@test("sessions are listed, the current one among them")
async def _(server):
    ann = register(server, "Ann")
    post(server, "login", {"username": "Ann", "password": PASSWORD},
         User_Agent="An agent\xe9 " + "x" * 200)
    second, first = sessions_of(server, ann["token"])
    equal((second["current"], first["current"]), (False, True), "which is the current one")
    equal(second["agent"], ("An agent? " + "x" * 200)[:100], "the agent")
    assert first["created"] <= first["seen"] < first["expires"], first
    assert second["id"] != first["id"], (first, second)


@test("a session that is revoked ends its connections and no others, and its token is of no use")
async def _(server):
    stays, goes = sign_in(server, "Ann"), sign_in(server, "Ann")
    clients = [await connect_as(server, goes), await connect_as(server, goes)]
    other = await connect_as(server, stays)
    id = next(each["id"] for each in sessions_of(server, goes) if each["current"])
    bob = register(server, "Bob")["token"]
    for wrong in [f"{id}x", "0", "-1", "", "999999999999999999999", f"0{id}"]:
        refused(ask(server, "DELETE", f"sessions/{wrong}", token=stays), 404, "not-found")
    refused(ask(server, "DELETE", f"sessions/{id}", token=bob), 404, "not-found")
    equal(ask(server, "DELETE", f"sessions/{id}", token=stays).status, 204, "status")
    for client in clients:
        await ended(client, "session-revoked")
    refused(ask(server, "GET", "me", token=goes), 401, "bad-token")
    refused(ask(server, "DELETE", f"sessions/{id}", token=stays), 404, "not-found")
    await other.round_trip()


@test("all other sessions are revoked at once")
async def _(server):
    stays, goes = sign_in(server, "Ann"), sign_in(server, "Ann")
    other, client = await connect_as(server, stays), await connect_as(server, goes)
    equal(post(server, "sessions/revoke-others", token=stays).status, 204, "status")
    await ended(client, "session-revoked")
    await other.round_trip()
    equal([each["current"] for each in sessions_of(server, stays)], [True], "what is left")
    equal(post(server, "sessions/revoke-others", token=stays).status, 204, "with none")


@test("another password revokes the other sessions")
async def _(server):
    stays, goes = sign_in(server, "Bob"), sign_in(server, "Bob")
    other, client = await connect_as(server, stays), await connect_as(server, goes)

    def change(password, new, **more):
        return post(server, "password", {"password": password, "newPassword": new}, **more)

    refused(change("not the one", "another one", token=stays), 403, "bad-login")
    refused(change("x" * 2000, "another one", token=stays), 403, "bad-login")
    refused(change(PASSWORD, "short", token=stays), 400, "bad-password")
    refused(post(server, "password", {"password": PASSWORD}, token=stays), 400, "bad-request")
    refused(change(PASSWORD, "another one"), 401, "bad-token")
    await client.round_trip()
    equal(change(PASSWORD, "another one", token=stays).status, 204, "status")
    await ended(client, "session-revoked")
    await other.round_trip()
    refused(post(server, "login", {"username": "Bob", "password": PASSWORD}), 401, "bad-login")
    login(server, "Bob", "another one")


@test("a guest whose name is registered has to go, and nobody else")
async def _(server):
    guest, same = await connect_all(server, "Eve", "ｅｖｅ")
    other = await Client.connect(server, "Evelyn")
    eve = await connect_as(server, register(server, "EVE")["token"])
    await ended(guest, "name-taken")
    await ended(same, "name-taken")
    await other.round_trip()
    # Should it be read only once the account is there itself, it is not about that one.
    goes = await connect_as(server, sign_in(server, "EVE"))
    database(server).execute("INSERT INTO revocation (kind, user_id, folded, session, newest, ts) "
                             "VALUES (3, '', 'eve', 0, 0, 0)")
    post(server, "sessions/revoke-others", token=eve.token)
    await ended(goes, "session-revoked")
    await eve.round_trip()


@test("who is banned has to go, comes in again no more, and after that as if nothing had been")
async def _(server):
    cal = make_account(server, "Cal")
    client = await connect_as(server, cal["token"])
    # As `chatd admin ban` does it: by the database that is shared.
    rows = database(server)
    rows.execute("BEGIN IMMEDIATE")
    rows.execute("UPDATE account SET banned_until = ? WHERE name = 'Cal'", (2**63 - 1,))
    rows.execute("INSERT INTO revocation (kind, user_id, folded, session, newest, ts) "
                 "VALUES (4, ?, '', 0, 0, ?)", (cal["user"]["id"], time.time_ns() // 1000000))
    rows.execute("COMMIT")
    await ended(client, "banned")
    end = int(time.time() * 1000) + 3600 * 1000
    for banned_until, told in (2**63 - 1, None), (end, end):
        rows.execute("UPDATE account SET banned_until = ? WHERE name = 'Cal'", (banned_until,))
        for path in "me", "rooms/x/messages":
            answer = refused(ask(server, "GET", path, token=cal["token"]), 403, "banned")
            equal(answer.body.get("until"), told, path)
        status, _, body = server.request(f"/ws?bearer={cal['token']}", headers={
            "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="})
        document = json.loads(body)
        equal((status, document["code"], document.get("until")), (403, "banned", told), "the upgrade")
    rows.execute("UPDATE account SET banned_until = 1 WHERE name = 'Cal'")
    (await connect_as(server, cal["token"])).websocket
    rows.execute("UPDATE account SET banned_until = ? WHERE name = 'Cal'", (2**63 - 1,))
    equal(post(server, "logout", token=cal["token"]).status, 204, "the logout of one who is banned")
    rows.execute("UPDATE account SET banned_until = 0 WHERE name = 'Cal'")
    refused(ask(server, "GET", "me", token=cal["token"]), 401, "bad-token")


async def upgraded(server, query):
    """A connection that was let in, and is not stored as long as the database is locked."""
    return Client(await websockets.connect(
        f"ws://127.0.0.1:{server.port}/ws?{query}", compression=None, ping_interval=None,
        open_timeout=LIMIT, close_timeout=2 * PATIENCE))


@test("nobody slips in between being let in and being stored")
async def _(server):
    dan = make_account(server, "Dan")
    rows = database(server)
    for code, change, value in [
            ("banned", "UPDATE account SET banned_until = ?1 WHERE id = ?2", 2**63 - 1),
            ("session-revoked", "DELETE FROM session WHERE ?1 AND account_id = ?2", 1)]:
        rows.execute("UPDATE account SET banned_until = 0")
        rows.execute("BEGIN IMMEDIATE")
        client = await upgraded(server, f"bearer={dan['token']}")
        rows.execute(change, (value, dan["user"]["id"]))
        rows.execute("COMMIT")
        await ended(client, code)
        equal(client.has("welcome"), [], "the welcomes")
    rows.execute("BEGIN IMMEDIATE")
    client = await upgraded(server, "name=Fay")
    rows.execute("INSERT INTO account (id, name, folded, password, admin, banned_until, created, "
                 "seen) VALUES ('fay', 'FAY', 'fay', '', 0, 0, 0, 0)")
    rows.execute("COMMIT")
    await ended(client, "name-taken")
    others = (await Client.connect(server, "Gus")).has("user-join")
    assert not {"Dan", "Fay"} & {each["sender"]["name"] for each in others}, others


@test("who becomes an admin, or ceases to be one, is found connected")
async def _(server):
    one, two = make_account(server, "Hal"), make_account(server, "Ian")
    client = await connect_as(server, one["token"])
    rows = database(server)
    rows.execute("INSERT INTO revocation (kind, user_id, folded, session, newest, ts) "
                 "VALUES (5, ?, '', 1, 0, 0)", (one["user"]["id"],))
    server.wait_for_log(r"revoked number=\d+ kind=5 connections=1")
    await client.round_trip()
    await (await connect_as(server, two["token"])).round_trip()


@test("a session by which somebody is connected does not expire")
async def _():
    with Server("--token-lifetime=8") as server:
        ann = make_account(server, "Ann")
        rows = database(server)
        rows.execute("UPDATE session SET expires = ?", (time.time_ns() // 1000000 + 8000,))
        client = await connect_as(server, ann["token"])

        def expires():
            return rows.execute("SELECT max(expires) FROM session").fetchone()[0]

        before = expires()
        await until_async(lambda: expires() > before, "the session's end moves on")
        await client.close()


@test("what one instance revokes ends connections to the others, without a Redis")
async def _():
    pair = Pair()
    ann = make_account(pair.one, "Ann")["token"]
    there = await connect_as(pair.two, ann)
    guest = await Client.connect(pair.two, "Bob")
    equal(post(pair.one, "logout", token=ann).status, 204, "status")
    register(pair.one, "Bob")
    await ended(there, "session-revoked")
    await ended(guest, "name-taken")
    for each in (pair.one, pair.two):
        refused(ask(each, "GET", "me", token=ann), 401, "bad-token")
    pair.stop()


@test("with a Redis the other instances hear of it at once")
async def _():
    with Cluster(2) as cluster:
        one, two = cluster.servers
        make_account(one, "Ann")
        stays, times = sign_in(one, "Ann"), []
        for _ in range(7):
            client = await connect_as(two, sign_in(one, "Ann"))
            begun = time.monotonic()
            equal(post(one, "sessions/revoke-others", token=stays).status, 204, "status")
            await ended(client, "session-revoked")
            times.append(time.monotonic() - begun)
        assert statistics.median(times) < 0.25 * PATIENCE, times  # else it is half a second


run()
