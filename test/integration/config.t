#!/usr/bin/python3 -B
"""GET /api/config: what the server lets people do."""
from chat import *


def config(server, **headers):
    status, answer, body = server.request("/api/config", headers)
    equal((status, answer["Content-Type"]), (200, "application/json; charset=utf-8"))
    equal((answer["Cache-Control"], answer["X-Content-Type-Options"]), ("no-store", "nosniff"))
    document = json.loads(body)
    assert re.fullmatch(r"\d+\.\d+\.\d+", document.pop("version")), document
    return document


@test("by default everybody may come in and register, and nobody has to say who asks")
def _(server):
    equal(config(server), {"auth": "open", "registration": "open"})
    equal(config(server, Authorization="Bearer nobody's"), {"auth": "open", "registration": "open"})


@test("it says what the options say")
def _():
    for auth, registration in ("members", "invite"), ("open", "closed"):
        with Server(f"--auth={auth}", f"--registration={registration}") as server:
            equal(config(server), {"auth": auth, "registration": registration})


@test("HEAD has no body; other methods and other paths are refused")
def _(server):
    status, answer, body = server.request("/api/config", method="HEAD")
    equal((status, body), (200, b""))
    assert int(answer["Content-Length"]) > 10, answer
    for method in "POST", "DELETE":
        status, answer, body = server.request("/api/config", method=method)
        equal((status, answer["Allow"], json.loads(body)["code"]), (405, "GET, HEAD", "bad-request"))
    for path in "/api/config/", "/api/configs", "/api/config/x":
        equal(server.request(path)[0], 404, path)


run()
