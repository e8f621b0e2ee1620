#!/usr/bin/python3 -B
"""Accounts over HTTP: registering, logging in and out, who one is, and the connections of accounts."""
import select

from accounts import *


@test("who registers is given a token, and the first one is an admin")
async def _(server):
    ann = register(server, "Ann")
    assert ann["admin"] is True and ann["user"]["name"] == "Ann" and ann["tokenExpires"] > 0, ann
    bob = register(server, " Bob ")
    equal((bob["admin"], bob["user"]["name"]), (False, "Bob"), "the second one")
    client = await connect_as(server, bob["token"])
    equal(client.welcome["user"], {**bob["user"], "account": True}, "who is welcomed")
    equal(client.token, bob["token"], "the token")
    admin = await connect_as(server, ann["token"])
    equal(admin.welcome["user"], {**ann["user"], "account": True, "admin": True}, "the admin")


@test("what a registration must not be is refused")
def _(server):
    def attempt(status, code, **fields):
        refused(post(server, "register", {"username": "New", "password": PASSWORD, **fields}),
                status, code)

    for name in ["", " ", "x" * 65, "a\nb", None, 7, ["x"]]:
        attempt(400, "bad-name", username=name)
    for password in ["", "1234567", "äöüäöüä", "x" * 1025, None, 12345678]:
        attempt(400, "bad-password", password=password)
    attempt(409, "name-taken", username="ANN")
    attempt(409, "name-taken", username="Ａｎｎ")
    equal(len(register(server, "Eight", "äöüäöüäö")["token"]), 43, "a token's length")


@test("a body that is no JSON object is refused")
def _(server):
    for body in ["", "{", "[]", "7", '"x"', "{}{}", "{} x", '{"a":' * 17 + "1" + "}" * 17,
                 b'{"username":"\xff"}', '{"a":"\\u0000"}', "\0"]:
        refused(post(server, "login", body), 400, "bad-json")
    refused(post(server, "login", "{}"), 400, "bad-request")
    refused(post(server, "login", {"username": 1, "password": PASSWORD}), 400, "bad-request")
    for kind in ["text/plain", "application/jsonp", "application/x-www-form-urlencoded", ""]:
        refused(post(server, "login", "{}", Content_Type=kind), 415, "bad-request")
    refused(post(server, "login", " " * 65537), 413, "too-long")
    refused(post(server, "login", " " * 65536), 400, "bad-json")
    answer = post(server, "login", {"username": "Ann", "password": PASSWORD},
                  Content_Type="Application/JSON; charset=utf-8")
    equal(answer.status, 200, "with a charset")


@test("a body that comes in chunks is taken, and one that does not come is not waited for for ever")
def _(server):
    text = json.dumps({"username": "Ann", "password": PASSWORD}).encode()
    head = "POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

    def begin(rest):
        raw = socket.create_connection(("127.0.0.1", server.port), LIMIT)
        raw.sendall(head.encode() + rest)
        return raw

    chunks = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in (text[:9], text[9:], b""))
    slow = begin(b"Content-Length: 9999\r\n\r\n{")
    with begin(b"Transfer-Encoding: chunked\r\n\r\n" + chunks) as raw:
        assert raw.recv(12) == b"HTTP/1.1 200", "the answer to what came in chunks"
    with begin(b"Content-Length: 9\r\n\r\n{") as raw:
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(12) in (b"HTTP/1.1 400", b""), "the answer to who has gone"
    for wrong in b"zz\r\n", b"fffffffffffffffff\r\n{":
        with begin(b"Transfer-Encoding: chunked\r\n\r\n" + wrong) as raw:
            equal(raw.recv(12), b"HTTP/1.1 400", "the answer to what is no chunk")
    with begin(b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(text)) as raw:
        equal(raw.recv(25), b"HTTP/1.1 100 Continue\r\n\r\n", "the answer to who asks first")
        raw.sendall(text)
        equal(raw.recv(12), b"HTTP/1.1 200", "the answer to what came then")
    with slow:
        end = time.monotonic() + LIMIT
        while not select.select([slow], [], [], 0.2)[0]:
            slow.sendall(b" ")
            assert time.monotonic() < end, "it is waited for for ever"
        assert slow.recv(12) == b"HTTP/1.1 408", "the answer to what did not come"


@test("who logs in has a session, under any spelling of the name")
async def _(server):
    first, second = login(server, "Ann"), login(server, "aNN")
    assert first["token"] != second["token"] and first["user"] == second["user"], (first, second)
    equal(first["admin"], True, "admin")
    ann = await connect_as(server, second["token"], in_header=True)
    equal(ann.id, first["user"]["id"], "who is connected")


@test("a wrong password and an unknown name are the same answer")
def _(server):
    answers = [post(server, "login", {"username": name, "password": password})
               for name, password in [("Ann", "wrong password"), ("Nobody", PASSWORD),
                                      ("\x01", PASSWORD), ("Ann", "x" * 2000)]]
    for answer in answers:
        refused(answer, 401, "bad-login")
        equal(answer.body, answers[0].body, "the answer")


@test("a client of the tutorial's gets the bare token")
async def _(server):
    user = {"username": "Bob", "password": PASSWORD, "name": "", "token": ""}
    for accept in ["application/json, text/plain, */*", "text/html"]:
        answer = post(server, "login", user, Accept=accept)
        equal(answer.status, 200, "status")
        assert isinstance(answer.body, str) and len(answer.body) == 43, (accept, answer.body)
        assert answer.headers["Content-Type"].startswith("text/plain"), answer.headers
    bob = await connect_as(server, answer.body)
    equal(bob.name, "Bob", "who is connected")
    equal(len(post(server, "login", user, Accept="*/*").body["token"]), 43, "the token's length")
    refused(post(server, "login", {**user, "password": "wrong one"}, Accept="text/plain"),
            401, "bad-login")


@test("a page has its session in a cookie that no script sees")
async def _(server):
    answer = post(server, "login", {"username": "Bob", "password": PASSWORD, "cookie": True})
    assert "token" not in answer.body and answer.body["user"]["name"] == "Bob", answer.body
    cookie = answer.cookie
    equal((cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"],
           cookie["max-age"]), (True, "Strict", "/", "", "2592000"), "the cookie's attributes")
    bob = await connect_by_cookie(server, cookie.value)
    equal(bob.welcome["user"], {**answer.body["user"], "account": True}, "who is welcomed")
    assert "token" not in bob.welcome, bob.welcome
    me = ask(server, "GET", "me", cookie=cookie.value)
    equal((me.status, me.cookie.value), (200, cookie.value), "the cookie that is renewed")
    room = await bob.join("cookies")
    await bob.post(room, "hello")  # by its ack it is stored that he is in
    equal(ask(server, "GET", f"rooms/{room}/messages", cookie=cookie.value).status, 200, "a page")
    other = sign_in(server, "Ann")
    me = ask(server, "GET", "me", cookie=cookie.value, token=other)
    equal(me.body["user"]["name"], "Ann", "who is asked for by a header beside the cookie")
    out = post(server, "logout", cookie=cookie.value)
    equal((out.status, out.body, out.cookie.value, out.cookie["max-age"]), (204, "", "", "0"),
          "the answer to a logout")
    await ended(bob, "session-revoked")
    gone = refused(ask(server, "GET", "me", cookie=cookie.value), 401, "bad-token")
    equal(gone.cookie["max-age"], "0", "a cookie of no use")
    refused(ask(server, "GET", "me", cookie=other + "x"), 401, "bad-token")


@test("a guest's token is no cookie, and a cookie no guest")
async def _(server):
    guest = await Client.connect(server, "Guest")
    refused(ask(server, "GET", "me", cookie=guest.token), 401, "bad-token")
    me = ask(server, "GET", "me", token=guest.token)
    equal(me.body, {"user": {"id": guest.id, "name": "Guest"}, "account": False}, "who one is")
    equal(post(server, "logout", token=guest.token).status, 204, "a guest's logout")
    equal(ask(server, "GET", "me", token=guest.token).status, 200, "who is a guest still")
    for method, path in [("POST", "password"), ("POST", "sessions/revoke-others"),
                         ("DELETE", "sessions/1")]:
        refused(ask(server, method, path, {}, token=guest.token), 403, "no-account")


@test("who is banned is told so only after the right password")
def _(server):
    database(server).execute("UPDATE account SET banned_until = ? WHERE name = 'Eight'",
                             (2**63 - 1,))
    fields = {"username": "Eight", "password": "äöüäöüäö"}
    answer = post(server, "login", fields)
    refused(answer, 403, "banned")
    assert "until" not in answer.body, answer.body
    end = int(time.time() * 1000) + 3600 * 1000
    database(server).execute("UPDATE account SET banned_until = ? WHERE name = 'Eight'", (end,))
    answer = post(server, "login", fields)
    refused(answer, 403, "banned")
    equal(answer.body["until"], end)
    refused(post(server, "login", {**fields, "password": PASSWORD}), 401, "bad-login")
    database(server).execute("UPDATE account SET banned_until = 0")


@test("who asks from a page of another site is refused")
async def _(server):
    token = sign_in(server, "Bob")
    here = f"http://127.0.0.1:{server.port}"
    for method, path in [("POST", "register"), ("POST", "login"), ("POST", "logout"),
                         ("POST", "password"), ("DELETE", "sessions/1"),
                         ("POST", "sessions/revoke-others")]:
        for origin in ["http://elsewhere.example", "null"]:
            refused(ask(server, method, path, {}, cookie=token, Origin=origin),
                    403, "origin-refused")
    equal(ask(server, "GET", "me", cookie=token).status, 200, "the session's status, still")
    equal(post(server, "logout", cookie=token, Origin=here).status, 204, "from here")
    equal(ask(server, "GET", "me", cookie=token).status, 401, "the session's status")


@test("a page of a site in --origin may do all of this with a token, and its browser is told so")
def _():
    game = "https://game.example"
    preflight = {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "authorization"}
    allowed = "Access-Control-Allow-Origin"
    with Server(f"--origin=https://*.example,{game}") as server:
        for origin in (game, "https://other.example"):
            status, headers, _ = server.request("/api/me", {"Origin": origin, **preflight}, method="OPTIONS")
            equal((status, headers[allowed], headers["Access-Control-Allow-Methods"],
                   headers["Access-Control-Allow-Headers"], headers["Vary"]),
                  (204, origin, "GET, POST, DELETE", "Authorization, Content-Type", "Origin"))
        fields = {"username": "Ann", "password": PASSWORD}
        for path, status in (("register", 201), ("login", 200), ("register", 409)):
            answer = post(server, path, fields, Origin=game)
            equal((answer.status, answer.headers[allowed]), (status, game), path)
            assert "Access-Control-Allow-Credentials" not in answer.headers
        token = login(server, "Ann", PASSWORD)["token"]
        for path in "me", "config", "rooms":
            answer = ask(server, "GET", path, token=token, Origin=game)
            equal((answer.status, answer.headers[allowed]), (200, game), path)
        for origin in ("https://game.example.evil", "http://game.example", "https://" + "x" * 300 + ".example"):
            answer = ask(server, "GET", "me", token=token, Origin=origin)
            equal((answer.status, answer.headers[allowed], answer.headers["Vary"]), (200, None, "Origin"), origin)
        for headers in ({"Origin": "https://game.evil", **preflight}, preflight, {"Origin": game}):
            equal(server.request("/api/me", headers, method="OPTIONS")[0], 405, headers)
        refused(post(server, "login", fields, Origin="https://game.evil"), 403, "origin-refused")
    with Server() as server:
        equal(server.request("/api/me", {"Origin": game, **preflight}, method="OPTIONS")[0], 405)
        answer = ask(server, "GET", "config", Origin=f"http://127.0.0.1:{server.port}")
        equal((answer.status, answer.headers[allowed], answer.headers["Vary"]), (200, None, None))


@test("other methods and paths are refused")
def _(server):
    for path in ["register", "login", "logout", "password", "sessions/revoke-others"]:
        answer = refused(ask(server, "GET", path), 405, "bad-request")
        equal(answer.headers["Allow"], "POST", "Allow")
    refused(post(server, "me"), 405, "bad-request")
    refused(post(server, "sessions/1"), 405, "bad-request")
    refused(ask(server, "GET", "login/x"), 404, "not-found")
    refused(ask(server, "GET", "me"), 401, "bad-token")


@test("a storm of logins is told to come later, and keeps nobody else waiting")
async def _(server):
    ann = await connect_as(server, sign_in(server, "Ann"))
    room = await ann.join("storm")
    fields = {"username": "Ann", "password": PASSWORD}
    storm = [asyncio.create_task(asyncio.to_thread(post, server, "login", fields))
             for _ in range(16)]
    seq = 0
    while not all(each.done() for each in storm):
        await ann.post(room, "still here")
        seq += 1
        equal((await asyncio.to_thread(server.request, "/healthz"))[0], 200, "healthz")
    answers = [each.result() for each in storm]
    busy = [each for each in answers if each.status == 503]
    for each in busy:
        equal((each.code, each.headers["Retry-After"]), ("busy", "5"), "who comes later")
    assert 0 < len(busy) < 16 and seq > 0, [each.status for each in answers]
    equal({each.status for each in answers}, {200, 503}, "the answers")


def process(pid):
    """The name and the parent of a process; None where it has ended, be it asked about or not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            name, _, rest = file.read().partition("(")[2].rpartition(")")
    except OSError:
        return None
    state, parent = rest.split()[:2]
    return (name, int(parent)) if state != "Z" else None


def hashers(server):
    """The ids of the server's processes for passwords."""
    own = ("chatd-hasher", server.process.pid)
    return [int(each) for each in os.listdir("/proc") if each.isdigit() and process(each) == own]


@test("a process for passwords that was killed is missed by nobody")
def _():
    with Server(prefix=("sh", "-c", 'trap "" CHLD; exec "$0" "$@"')) as server:
        equal(post(server, "register", {"username": "Ann", "password": PASSWORD}).status, 201)
        pids = hashers(server)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        until(lambda: hashers(server) == [], "it is dead")
        until(lambda: server.metric("chatd_hashers") == 0, "it is not counted")
        # Or the number could be another's by the time that the server makes sure of the end.
        assert all(os.path.exists(f"/proc/{pid}") for pid in pids), "its number is given back"
        for password, status in ((PASSWORD, 200), ("a wrong one", 401), (PASSWORD, 200)):
            equal(post(server, "login", {"username": "Ann", "password": password}).status, status)
        equal(post(server, "register", {"username": "Bob", "password": PASSWORD}).status, 201)
        assert any(" hasher-lost " in line for line in server.log), server.log


@test("none of them is left when the server was killed")
def _():
    with Server() as server:
        pids = hashers(server)
        assert 1 <= len(pids) <= 2, pids
        server.process.kill()
        server.process.wait()
        until(lambda: not any(map(process, pids)), "they have gone")


@test("a server without a standard input, and whose processes for passwords hang, stops as others do")
def _():
    with Server(prefix=("sh", "-c", 'exec "$0" "$@" <&-')) as server:
        equal(post(server, "register", {"username": "Ann", "password": PASSWORD}).status, 201)
        for pid in hashers(server):
            os.kill(pid, signal.SIGSTOP)


@test("no password and no token is in the log or in the database")
def _(server):
    secret = login(server, "Eight", "äöüäöüäö")["token"]
    post(server, "login", {"username": "Eight", "password": "a wrong one"})
    for text in [secret, PASSWORD, "a wrong one"]:
        assert not any(text in line for line in server.log), "it is in the log"
        for name in os.listdir(server.folder):
            with open(os.path.join(server.folder, name), "rb") as file:
                assert text.encode() not in file.read(), f"it is in {name}"


run()
