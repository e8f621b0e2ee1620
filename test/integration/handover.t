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
        self.documents = []

    def upgrade(self, name):
        self.send(upgrade_request(name))
        self.read_head()

    def get(self, path):
        self.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = http.client.HTTPResponse(self.socket)
        answer.begin()
        equal(answer.status, 200)
        answer.read()


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


@test("of two connections from one port, to two addresses, neither is taken for the other")
def _(server):
    page = From(server, 0, "127.0.0.2")
    page.get("/healthz")
    clients = server.metric("chatd_clients_accepted_total")
    chat = From(server, page.port, "127.0.0.1")
    chat.upgrade("Twin")
    equal(chat.socket.recv(1), b"", "what is said to a client that cannot be told from another one")
    page.get("/healthz")
    equal(server.metric("chatd_clients_accepted_total"), clients)
    until(lambda: server.metric("chatd_clients") == 0, "it is not counted any more")
    page.close()
    chat.close()

    # No worker of civetweb waits for them.
    for _ in range(20):
        page = From(server, 0, "127.0.0.2")
        page.get("/healthz")
        chat = From(server, page.port, "127.0.0.1")
        chat.upgrade("Twin")
        equal(chat.socket.recv(1), b"")
        page.abort()
        chat.abort()
    equal(server.request("/healthz")[0], 200)
    alone = From(server, 0, "127.0.0.2")
    alone.upgrade("Alone")
    equal(alone.expect("welcome")["user"]["name"], "Alone")
    alone.close()


run("--addr=0.0.0.0:0")
