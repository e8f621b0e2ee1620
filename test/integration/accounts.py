"""What the tests of accounts share: requests below /api, and connections with a session."""
import http.cookies
import json

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
    """Asks for what is below /api; a body that is no string goes as JSON."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    if cookie is not None:
        sent["Cookie"] = f"theme=dark; chatd_session={cookie}; x=y"
    text = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
    return Answer(*server.request(f"/api/{path}", method=method, headers=sent, body=text))


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


async def connect_as(server, token, **more):
    """Connects by the token of an account's session."""
    return await Client.return_as(server, token, **more)


async def connect_by_cookie(server, token):
    return await Client._open(server, "", {"Cookie": f"chatd_session={token}"}, True)


async def ended(client, code):
    """Waits until the server has closed the connection for this reason, and said so."""
    await client.expect("error", code=code, retry=False)
    equal(await client.closed(), (1008, code), "the Close")
