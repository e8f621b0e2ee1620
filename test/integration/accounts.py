"""What the tests of accounts share: requests below /api, and connections with a session."""
import hashlib
import http.cookies
import json
import secrets
import sqlite3
import unicodedata

from chat import *

PASSWORD = "correct horse"


class Answer:
    """Of a request: status, headers, and what is in it, as JSON where it is that."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        is_json = headers.get("Content-Type", "").startswith("application/json")
        self.body = json.loads(body) if is_json else body.decode()

    @property
    def code(self):
        return self.body["code"] if isinstance(self.body, dict) else None

    @property
    def cookie(self):
        """The cookie that is set, as http.cookies.Morsel, or None."""
        return http.cookies.SimpleCookie(self.headers.get("Set-Cookie", "")).get("chatd_session")


def ask(server, method, path, body=None, token=None, cookie=None, **headers):
    """Asks for what is below /api; a body that is no string goes as JSON.

    Passwords are hashed when nothing else wants the processor: beside other tests that takes a while.
    """
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    if cookie is not None:
        sent["Cookie"] = f"theme=dark; chatd_session={cookie}; x=y"
    text = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
    return Answer(*server.request(f"/api/{path}", method=method, headers=sent, body=text,
                                  limit=4 * LIMIT))


def post(server, path, body=None, **more):
    return ask(server, "POST", path, {} if body is None else body, **more)


def register(server, name, password=PASSWORD, **fields):
    """Makes an account and returns the answer's document."""
    answer = post(server, "register", {"username": name, "password": password, **fields})
    equal(answer.status, 201, f"registering: {answer.body}")
    return answer.body


def login(server, name, password=PASSWORD, **fields):
    answer = post(server, "login", {"username": name, "password": password, **fields})
    equal(answer.status, 200, f"logging in: {answer.body}")
    return answer.body


def refused(answer, status, code):
    equal((answer.status, answer.code), (status, code), "what is refused")
    assert answer.body["message"], answer.body
    return answer


def database(server):
    connection = sqlite3.connect(server.database, timeout=LIMIT, isolation_level=None)
    atexit.register(connection.close)
    return connection


def make_account(server, name, admin=False):
    """Puts an account into the database, without the time that a password takes: {user, token}."""
    id = secrets.token_urlsafe(16)
    folded = unicodedata.normalize("NFKC", name).casefold()
    database(server).execute(
        "INSERT INTO account (id, name, folded, password, admin, banned_until, created, seen) "
        "VALUES (?, ?, ?, '', ?, 0, 0, 0)", (id, name, folded, admin))
    return {"user": {"id": id, "name": name}, "token": sign_in(server, name)}


def sign_in(server, name):
    """Puts a session of the account into the database and returns its token."""
    token = secrets.token_urlsafe(32)
    now = time.time_ns() // 1000000
    rows = database(server).execute(
        "INSERT INTO session (hash, account_id, created, seen, expires, agent) "
        "SELECT ?, id, ?, ?, ?, 'a test' FROM account WHERE name = ?",
        (hashlib.blake2b(token.encode(), digest_size=32).digest(), now, now,
         now + 86400000, name)).rowcount
    equal(rows, 1, f"accounts of the name {name}")
    return token


async def connect_as(server, token, **more):
    """Connects by the token of an account's session."""
    return await Client.return_as(server, token, **more)


async def connect_by_cookie(server, token):
    return await Client._open(server, "", {"Cookie": f"chatd_session={token}"}, True)


async def ended(client, code):
    """Waits until the server has closed the connection for this reason, and said so."""
    await client.expect("error", code=code, retry=False)
    equal(await client.closed(), (1008, code), "the Close")
