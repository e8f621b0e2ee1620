#!/usr/bin/python3 -B
"""Guests beside accounts: whose name is whose, --auth, --registration, and invitations."""
from accounts import *


def refused_upgrade(server, query="", headers=(), cookie=None):
    """Asks for an upgrade that is refused; returns (status, code)."""
    sent = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", **dict(headers)}
    if cookie:
        sent["Cookie"] = f"chatd_session={cookie}"
    status, answer, body = server.request(f"/ws?{query}", sent)
    document = json.loads(body)
    equal((document["action"], document["retry"]), ("error", False))
    assert document["message"] and answer["Cache-Control"] == "no-store", document
    return status, document["code"]


@test("a guest whose name is an account's is refused, however it is written")
async def _(server):
    register(server, "Émile")
    for name in "Émile", "émile", "ÉMILE", "E\u0301mile", " Émi\u00adle ", "\uff25\u0301mile":
        equal(refused_upgrade(server, f"name={quote(name)}"), (409, "name-taken"), name)
    for name in "Emile", "Émile2", "Èmile":
        await (await Client.connect(server, name)).close()


@test("a page, which cannot see the status of an upgrade, is told by a document and the close")
async def _(server):
    register(server, "Pam")
    own = {"Origin": f"http://127.0.0.1:{server.port}"}
    guest = await Client.connect(server, "Pat")
    taken = register(server, "Pat")
    assert taken["token"]
    await ended(guest, "name-taken")
    for query in "name=PAM", f"bearer={guest.token}":
        async with websockets.connect(f"ws://127.0.0.1:{server.port}/ws?{query}", extra_headers=own,
                                      open_timeout=LIMIT) as page:
            refusal = json.loads(await asyncio.wait_for(page.recv(), LIMIT))
            equal((refusal["action"], refusal["code"]), ("error", "name-taken"))
            await asyncio.wait_for(page.wait_closed(), LIMIT)
            equal((page.close_code, page.close_reason), (1008, "name-taken"))


@test("a guest's token of a name that was registered meanwhile is of no use, connected or not")
async def _(server):
    away, here = await Client.connect(server, "Zoë"), await Client.connect(server, "ZOË")
    other = await Client.connect(server, "Zoe")
    room = await away.join("before")
    await away.close()
    equal(ask(server, "GET", f"rooms/{room}/messages", token=away.token).status, 200)
    account = register(server, "Zoe\u0308")
    await ended(here, "name-taken")
    for guest in away, here:
        equal(refused_upgrade(server, f"bearer={guest.token}"), (409, "name-taken"))
        equal(refused_upgrade(server, headers={"Authorization": f"Bearer {guest.token}"}), (409, "name-taken"))
        for path in "me", "rooms", f"rooms/{room}/messages":
            refused(ask(server, "GET", path, token=guest.token), 409, "name-taken")
    owner = await connect_as(server, account["token"])
    equal(owner.name, "Zoe\u0308")
    await other.round_trip()
    await close_all(owner, other)


@test("with an account one comes in whatever name the query has, and with a bad token as a guest of it")
async def _(server):
    account = make_account(server, "Finn")
    equal(refused_upgrade(server, f"name=Finn&bearer={'x' * 43}"), (409, "name-taken"))
    guest = await Client.return_as(server, "x" * 43, name="Not Finn")
    equal(guest.name, "Not Finn")
    finn = await Client.return_as(server, account["token"], name="Not Finn")
    equal(finn.name, "Finn")
    await close_all(guest, finn)


@test("who registers while guests of that name come in has them all put out in the end")
async def _(server):
    guests = []

    async def come(i):
        try:
            guests.append(await Client.connect(server, "Race", settle=False))
        except websockets.InvalidStatusCode as refusal:
            equal(refusal.status_code, 409)
        except AssertionError as refusal:  # let in, and told no before the welcome
            assert "name-taken" in str(refusal), refusal

    coming = [asyncio.create_task(come(i)) for i in range(20)]
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, register, server, "Race")
    await asyncio.gather(*coming)
    for guest in guests:
        await until_async(lambda: guest.ended, "the guest is put out")
        assert guest.has("error", code="name-taken"), guest.received
    equal(refused_upgrade(server, "name=race"), (409, "name-taken"))


@test("--auth=members lets accounts in and nobody else, over HTTP neither")
async def _():
    with Server() as server:
        guest = await Client.connect(server, "Guest")
        room = await guest.join("open")
        await guest.close()
    with Server("--auth=members", folder=server.folder) as server:
        for query in "name=Ann", "", f"bearer={guest.token}", f"name=x&bearer={'x' * 43}", "name=":
            status, code = refused_upgrade(server, query)
            equal((status, code), (401, "members-only"), query)
        refused(ask(server, "GET", f"rooms/{room}/messages", token=guest.token), 401, "members-only")
        equal(ask(server, "GET", "me", token=guest.token).body["account"], False)
        ann = await connect_as(server, make_account(server, "Ann")["token"])
        room = await ann.join("members")
        await ann.post(room, "hello")
        equal(ask(server, "GET", f"rooms/{room}/messages", token=ann.token).status, 200)
        await (await connect_by_cookie(server, sign_in(server, "Ann"))).close()
        equal(refused_upgrade(server, cookie="x" * 43), (401, "members-only"))
        await ann.close()


@test("--registration=closed lets nobody register, invited or not")
def _():
    with Server("--registration=closed") as server:
        for fields in {}, {"invitation": "x" * 43}:
            refused(post(server, "register", {"username": "Ann", "password": PASSWORD, **fields}),
                    403, "registration-closed")


def invite(server, token, **fields):
    answer = post(server, "invitations", fields, token=token)
    equal(answer.status, 201, f"inviting: {answer.body}")
    equal(answer.body["path"], f"/?invitation={answer.body['invitation']}")
    return answer.body


def with_invitation(server, name, invitation):
    return post(server, "register", {"username": name, "password": PASSWORD, "invitation": invitation})


@test("--registration=invite takes an invitation of an admin's or of the command line's, each as often as it says")
async def _():
    with Server("--registration=invite") as server:
        for invitation in None, "", "x", "x" * 43, "x" * 44, 7, {}:
            refused(with_invitation(server, "Ann", invitation), 403, "bad-invitation")
        refused(post(server, "register", {"username": "Ann", "password": PASSWORD}), 403, "bad-invitation")
        line = subprocess.run([CHATD, "admin", f"--db={server.database}", "invite"], check=True,
                              capture_output=True, text=True).stdout
        first = re.fullmatch(r"/\?invitation=(\S{43})\n", line).group(1)
        answer = with_invitation(server, "Ann", first)
        equal((answer.status, answer.body["admin"]), (201, True))
        admin = answer.body["token"]
        refused(with_invitation(server, "Bob", first), 403, "bad-invitation")

        made = invite(server, admin)
        equal(made["uses"], 1)
        assert abs(made["expires"] / 1000 - time.time() - 7 * 86400) < 60, made
        refused(with_invitation(server, "ANN", made["invitation"]), 409, "name-taken")
        equal(with_invitation(server, "Bob", made["invitation"]).status, 201, "what was refused used nothing up")
        refused(with_invitation(server, "Eve", made["invitation"]), 403, "bad-invitation")

        twice = invite(server, admin, uses=2, expiresIn=3600)
        equal(twice["uses"], 2)
        assert abs(twice["expires"] / 1000 - time.time() - 3600) < 60, twice
        answers = []
        threads = [threading.Thread(target=lambda i=i: answers.append(
            with_invitation(server, f"Many {i}", twice["invitation"]).status)) for i in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        equal(sorted(answers), [201, 201, 403, 403], "four at once with one that is good for two")

        short = invite(server, admin, expiresIn=1)
        await until_async(lambda: time.time() * 1000 > short["expires"], "it has expired")
        refused(with_invitation(server, "Eve", short["invitation"]), 403, "bad-invitation")


@test("who is no admin invites nobody, and an invitation that makes no sense is none")
async def _():
    with Server() as server:
        admin, user = make_account(server, "Ann", admin=True)["token"], make_account(server, "Bob")["token"]
        guest = await Client.connect(server, "Guest")
        refused(post(server, "invitations", {}), 401, "bad-token")
        refused(post(server, "invitations", {}, token=guest.token), 403, "no-account")
        refused(post(server, "invitations", {}, token=user), 403, "forbidden")
        refused(post(server, "invitations", {}, token=admin, Origin="https://evil.example"), 403, "origin-refused")
        refused(ask(server, "GET", "invitations", token=admin), 405, "bad-request")
        refused(post(server, "invitations", "[]", token=admin), 400, "bad-json")
        refused(post(server, "invitations", "{}", token=admin, Content_Type="text/plain"), 415, "bad-request")
        for fields in ({"uses": 0}, {"uses": -1}, {"uses": 1.5}, {"uses": 100001}, {"uses": "2"}, {"uses": 1e300},
                       {"expiresIn": 0}, {"expiresIn": 3153600001}, {"expiresIn": True}, {"expiresIn": []}):
            refused(post(server, "invitations", fields, token=admin), 400, "bad-request")
        invite(server, admin, uses=100000, expiresIn=3153600000)
        invite(server, admin, uses=None)
        subprocess.run([CHATD, "admin", f"--db={server.database}", "demote", "Ann"], check=True,
                       capture_output=True)
        refused(post(server, "invitations", {}, token=admin), 403, "forbidden")
        await guest.close()


run()
