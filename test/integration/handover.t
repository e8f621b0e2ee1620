#!/usr/bin/python3 -B
"""The hand-over from civetweb: each client gets its own connection, or none."""
from chat import *


class From(Raw):
    """A client that connects from a port of its choice, to an address of the server's choice."""

    def __init__(self, server, port, address="127.0.0.1"):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.settimeout(LIMIT)
        self.socket.bind(("127.0.0.1", port))
        self.socket.connect((address, server.port))
        self.port = self.socket.getsockname()[1]
        self.buffer = b""
        self.agreed = None
        self.frames = []
        self.documents = []

    def upgrade(self, name):
        self.send(upgrade_request(name))
        self.read_head()


@test("who comes from a port again and again gets the connection of that time")
def _(server):
    port = 0
    for i in range(60):
        client = From(server, port)
        port = client.port
        # Others take the descriptors that were this port's before.
        between = [Raw(server, f"Between {i}.{j}", upgrade=j > 0) for j in range(i % 4)]
        client.upgrade(f"Again {i}")
        equal(client.expect("welcome")["user"]["name"], f"Again {i}")
        for each in between:
            each.close()
        client.abort()
    until(lambda: server.metric("chatd_clients") == 0, "all are gone")


@test("of two connections from one port, to two addresses, each is taken for itself")
def _(server):
    for i in range(20):
        page = From(server, 0, "127.0.0.2")
        page.send(b"GET /healthz HTTP/1.1\r\n")
        until(lambda: server.metric("chatd_requests_waiting") == 1, "it is there")
        chat = From(server, page.port, "127.0.0.1")
        chat.upgrade(f"Twin {i}")
        equal(chat.expect("welcome")["user"]["name"], f"Twin {i}")
        page.send(b"Host: localhost\r\n\r\n")
        answer = http.client.HTTPResponse(page.socket)
        answer.begin()
        equal(answer.status, 200)
        page.close()
        chat.close()
    until(lambda: server.metric("chatd_clients") == 0, "all are gone")


run("--addr=0.0.0.0:0")
