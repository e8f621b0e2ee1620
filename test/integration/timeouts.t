#!/usr/bin/python3 -B
"""Silence: who says nothing is sent a ping, and ended when nothing comes at all."""
from chat import *


def until_the_end(raw):
    """Reads everything that still comes; returns it."""
    rest = raw.buffer
    try:
        while data := raw.socket.recv(65536):
            rest += data
    except ConnectionResetError:
        pass
    return rest


@test("a silent client is sent pings, stays while it answers them, and is ended when it does not")
def _(server):
    began = time.monotonic()
    raw = Raw(server)
    for _ in range(3):
        raw.send(frame(PONG, raw.control(PING)))
    assert time.monotonic() - began > 2.5, "each ping takes a second of silence"
    raw.control(PING)
    answered = time.monotonic()
    equal(until_the_end(raw), b"", "after the ping that is not answered")
    assert time.monotonic() - answered > 1, "it is given time to answer"
    until(lambda: server.metric("chatd_timed_out_clients_total") == 1, "the end is counted")
    until(lambda: server.metric("chatd_clients") == 0, "the client is gone")


@test("a client that talks is sent no ping")
def _(server):
    raw = Raw(server)
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        raw.document({"action": "nothing"})
        raw.expect("error", code="unknown-action")
    raw.close()


run("--ping-after=1", "--idle-timeout=3")
