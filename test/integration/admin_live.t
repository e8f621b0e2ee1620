#!/usr/bin/python3 -B
"""`chatd admin` while chatd runs: every instance hears of it, and what is deleted or exported is all."""
from accounts import *

NEW = "another password"


def admin(server, *arguments, status=0, password=None):
    result = subprocess.run([CHATD, "admin", f"--db={server.database}", *arguments], capture_output=True,
                            text=True, timeout=3 * LIMIT, input=f"{password}\n" if password else "")
    equal(result.returncode, status, f"exit status of {arguments}: {result.stderr}")
    return result.stdout if status == 0 else result.stderr


async def admin_async(server, *arguments, **more):
    """The same while the clients of this process go on reading."""
    return await asyncio.get_running_loop().run_in_executor(None, lambda: admin(server, *arguments, **more))


def in_file(path, text):
    with open(path, "rb") as file:
        return text.encode() in file.read()


@test("who is banned is put out on every instance, and kept out until the ban is lifted or over")
async def _(server):
    with Server(folder=server.folder) as second:
        token = register(server, "Bea")["token"]
        bystander = await connect_as(second, make_account(server, "Bystander")["token"])
        connections = [await connect_as(each, token) for each in (server, second, server)]
        assert "Bea is banned until 2" in await admin_async(server, "ban", "BEA", "--for=1h")
        for each in connections:
            await ended(each, "banned")
        for each in server, second:
            refused(post(each, "login", {"username": "Bea", "password": PASSWORD}), 403, "banned")
            refused(post(each, "login", {"username": "Bea", "password": "a wrong one"}), 401, "bad-login")
            refused(ask(each, "GET", "me", token=token), 403, "banned")
            try:
                await connect_as(each, token)
                raise AssertionError("she was let in")
            except websockets.InvalidStatusCode as refusal:
                equal(refusal.status_code, 403)
        await admin_async(server, "unban", "Bea")
        await (await connect_as(second, token)).close()
        await admin_async(server, "ban", "Bea", "--for=1s")
        await until_async(lambda: ask(server, "GET", "me", token=token).status == 200, "the ban is over")
        await bystander.round_trip()
        await bystander.close()


@test("who is banned has left at once, however long others are awaited, and is deleted as soon")
async def _():
    grace = "--presence-grace=3600000"
    with Server(grace) as server, Server(grace, folder=server.folder) as second:
        token = register(server, "Bea")["token"]
        bystander = await connect_as(second, make_account(server, "Bystander")["token"])
        for command in ("ban", "Bea"), ("delete", "Bea"):
            for each in [await connect_as(each, token) for each in (server, second, server)]:
                bea = each
            await bystander.expect("user-join", sender={"id": bea.id})
            await admin_async(server, *command)
            await bystander.expect("user-left", sender={"id": bea.id})
            if command[0] == "ban":
                await admin_async(server, "unban", "Bea")
        await close_all(bystander)


@test("another password ends all sessions, and is the one that counts")
async def _(server):
    token = make_account(server, "Rita")["token"]
    rita = await connect_as(server, token)
    await admin_async(server, "reset-password", "Rita", password=NEW)
    await ended(rita, "session-revoked")
    refused(ask(server, "GET", "me", token=token), 401, "bad-token")
    login(server, "Rita", NEW)


@test("who is made on the command line signs in, and is an admin from when it is said")
async def _(server):
    await admin_async(server, "create", "--member", "Cleo", password=PASSWORD)
    document = login(server, "cleo")
    equal((document["user"]["name"], document["admin"]), ("Cleo", False))
    refused(post(server, "invitations", {}, token=document["token"]), 403, "forbidden")
    await admin_async(server, "promote", "Cleo")
    equal(ask(server, "GET", "me", token=document["token"]).body["admin"], True)
    equal(post(server, "invitations", {}, token=document["token"]).status, 201)
    await admin_async(server, "demote", "Cleo")
    refused(post(server, "invitations", {}, token=document["token"]), 403, "forbidden")


@test("a guest who has the name of an account that is made on the command line is put out")
async def _(server):
    guest = await Client.connect(server, "Dora")
    await admin_async(server, "create", "DORA", password=PASSWORD)
    await ended(guest, "name-taken")


async def say_all(server):
    """Two accounts with a past: in a public room with an edit and a delete, and in private."""
    accounts = [make_account(server, "Gone", admin=True), make_account(server, "Other")]
    gone, other = [await connect_as(server, each["token"]) for each in accounts]
    room = await gone.join("gone's")
    await other.join("gone's")
    await gone.post(room, "public hush", "a")
    await other.post(room, "what another one says")
    await gone.send(edit(room, 1, "edited hush", "b"))
    await gone.expect("message-ack", id="b")
    await gone.post(room, "taken-back hush", "c")
    await gone.send(delete(room, 4, "d"))
    await gone.expect("message-ack", id="d")
    private = (await gone.join_private(other.id))["target"]["id"]
    await other.expect("room-joined", target={"id": private})
    await gone.post(private, "private hush", "e")
    return gone, other, room, private


@test("an export has the account, its sessions, its rooms and all it has said, and nothing of others")
async def _():
    with Server() as server:
        gone, other, room, private = await say_all(server)
        sign_in(server, "Gone")
        document = json.loads(await admin_async(server, "export", "gone"))
        account = document["account"]
        equal((account["id"], account["name"], account["admin"]), (gone.id, "Gone", True))
        assert "bannedUntil" not in account, account
        equal(len(document["sessions"]), 2)
        equal(set(document["sessions"][0]), {"id", "created", "seen", "expires", "agent"})
        equal(sorted((each["id"], each["private"], each["role"]) for each in document["rooms"]),
              sorted([(room, False, "owner"), (private, True, "member")]))
        equal(document["blocks"], [])
        equal([each["with"]["id"] for each in document["rooms"] if each["private"]], [other.id])
        equal([(each["room"]["id"], each["seq"], each["action"], each.get("message"), each.get("id"))
               for each in document["messages"]],
              [(room, 1, "send-message", "edited hush", "a"), (room, 3, "edit-message", "edited hush", "b"),
               (room, 4, "send-message", "", "c"), (room, 5, "delete-message", None, "d"),
               (private, 1, "send-message", "private hush", "e")])
        equal((document["messages"][0]["edited"], document["messages"][2]["deleted"], document["messages"][1]["of"]),
              (3, 5, 1))
        text = json.dumps(document)
        assert "argon2" not in text and "what another one says" not in text and gone.token not in text, text
        await admin_async(server, "ban", "Gone")
        database(server).execute("INSERT INTO room_standing SELECT number, ?, 1, 1, 0, ?, 7, '', 9 FROM room "
                                 "WHERE id = ?", (other.id, 2**63 - 1, room))
        database(server).execute("INSERT INTO block VALUES (?, ?)", (other.id, gone.id))
        document = json.loads(await admin_async(server, "export", "Gone"))
        equal(document["account"]["bannedUntil"], None, "for ever")
        document = json.loads(await admin_async(server, "export", "Other"))
        told = {"role": "moderator", "mutedUntil": None, "invited": True, "kicked": True}
        assert told.items() <= document["rooms"][0].items(), document["rooms"]
        equal(document["blocks"], [{"id": gone.id, "name": "Gone"}])
        await close_all(gone, other)


@test("who is deleted is gone: its connections, sessions and texts, and its name is free")
async def _():
    with Server() as server:
        gone, other, room, private = await say_all(server)
        equal(await admin_async(server, "delete", "GONE"), "deleted Gone\n")
        await ended(gone, "banned")
        refused(ask(server, "GET", "me", token=gone.token), 401, "bad-token")
        refused(post(server, "login", {"username": "Gone", "password": PASSWORD}), 401, "bad-login")
        assert "no account" in admin(server, "export", "Gone", status=1)

        page = (await other.history(room))["messages"]
        equal([each["seq"] for each in page], [1, 2, 3, 4, 5], "the log has no hole")
        equal([(each["seq"], each["message"]) for each in page if "message" in each],
              [(1, ""), (2, "what another one says"), (3, ""), (4, "")])
        for each in page:
            equal(each["sender"]["name"], "Other" if each["seq"] == 2 else "deleted user")
        assert all("deleted" in each or "edited" not in each for each in page if each["seq"] != 2), page
        equal([each["message"] for each in (await other.history(private))["messages"]], [""])
        await other.post(room, "it goes on")
        await other.post(private, "nobody hears")
        await other.send({"action": "leave-room", "message": private})
        await other.send({"action": "join-room-private", "message": gone.id})
        joined = await other.expect("room-joined", sender={"id": gone.id, "name": "deleted user"})
        equal(joined["target"]["id"], private)
        equal(database(server).execute("SELECT name FROM room WHERE id = ?", (private,)).fetchone(),
              ("deleted user, Other",))

        guest = await Client.connect(server, "Gone")
        assert guest.id != gone.id
        await close_all(guest, other)
        server.stop()
        rows = database(server)
        for table, column in (("account", "id"), ("session", "account_id"), ("roll", "user_id"),
                              ("room", "owner_id"), ("block", "user_id")):
            equal(rows.execute(f"SELECT count(*) FROM {table} WHERE {column} = ?", (gone.id,)).fetchone(), (0,))
        rows.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert in_file(server.database, "what another one says")
        assert not in_file(server.database, "hush")


@test("who is deleted after a crash is gone as well, connected as it seems to be or not")
async def _():
    server = Server()
    gone, other, *_ = await say_all(server)
    server.kill()
    equal(database(server).execute("SELECT count(*) FROM user WHERE id = ?", (gone.id,)).fetchone(), (1,))
    database(server).execute("UPDATE lease SET expires = 1")
    equal(await admin_async(server, "delete", "Gone"), "deleted Gone\n")
    with Server(folder=server.folder) as second:
        refused(ask(second, "GET", "me", token=gone.token), 401, "bad-token")


@test("deleting that was broken off is taken up again")
async def _():
    with Server() as server:
        gone, other, *_ = await say_all(server)
        await close_all(gone, other)
        # What it would have stored half way: the ban, and no more.
        database(server).execute("UPDATE account SET banned_until = ? WHERE name = 'Gone'", (2**63 - 1,))
        refused(ask(server, "GET", "me", token=gone.token), 403, "banned")
        equal(admin(server, "delete", "Gone"), "deleted Gone\n")
        refused(ask(server, "GET", "me", token=gone.token), 401, "bad-token")


run()
