#!/usr/bin/python3 -B
"""Silence: who says nothing is sent a ping, and ended when nothing comes at all."""
from chat import *

MUCH = 600  # messages of 10 kB


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
    assert time.monotonic() - began > 5.5, "each ping takes two seconds of silence"
    raw.control(PING)
    answered = time.monotonic()
    equal(until_the_end(raw), b"", "after the ping that is not answered")
    assert time.monotonic() - answered > 2, "it is given time to answer"
    until(lambda: server.metric("chatd_timed_out_clients_total") == 1, "the end is counted")
    until(lambda: server.metric("chatd_clients") == 0, "the client is gone")


@test("a client that talks is sent no ping")
def _(server):
    raw = Raw(server)
    raw.expect("user-join")
    last = time.monotonic()
    end = last + 4.5
    longest = 0
    while last < end:
        raw.document({"action": "nothing"})
        kind, payload = raw.read()
        longest = max(longest, time.monotonic() - last)
        if kind == PING:
            assert longest > 1.5, f"a ping after {longest:.1f} s"
            kind, payload = raw.read()
        equal(json.loads(payload)["code"], "unknown-action")
        last = time.monotonic()
    raw.close()


@test("a server that stood still for longer than an answer may take asks before it ends anybody")
def _():
    with Server("--ping-after=1", "--idle-timeout=2") as server:
        raw = Raw(server)
        raw.send(frame(PONG, raw.control(PING)))
        raw.document({"action": "nothing"})
        raw.expect("error", code="unknown-action")
        server.pause()
        time.sleep(2.2)
        server.resume()
        raw.send(frame(PONG, raw.control(PING)))
        raw.document({"action": "nothing"})
        raw.expect("error", code="unknown-action")
        equal(server.metric("chatd_timed_out_clients_total"), 0)
        raw.close()


async def post_much(server):
    ann = await Client.connect(server, "Ann")
    room = await ann.join("much")
    for i in range(MUCH):
        await ann.send(message(room, "x" * 10000, f"{i}"))
        if i % 20 == 19:
            await ann.expect("message-ack", id=f"{i}")
    await ann.close()


@test("who reads slowly what comes before a ping is not taken for silent")
async def _():
    with Server("--ping-after=2", "--idle-timeout=6", "--resume-limit=1000",
                "--limit-messages=none") as server:
        await post_much(server)

        def read_all():
            reader = Raw(server, "Reader", receive_buffer=65536)
            reader.document({"action": "join-room", "message": "much", "since": 1})
            seqs = []
            began = time.monotonic()
            while not seqs or seqs[-1] < MUCH:
                kind, payload = reader.read()
                documents = payload.decode().split("\n") if kind == TEXT else ()
                seqs += [each["seq"] for each in map(json.loads, documents) if "seq" in each]
                if kind == PING:
                    reader.send(frame(PONG, payload))
                # It takes 12 s, several times as long as an answer may.
                ahead = len(seqs) / MUCH * 12 - (time.monotonic() - began)
                time.sleep(max(0, ahead))
            equal(seqs, list(range(2, MUCH + 1)))
            reader.send(frame(PONG, reader.control(PING)))
            reader.control(PING)
            equal(until_the_end(reader), b"", "after a ping that nothing stands before")

        await asyncio.to_thread(read_all)


@test("who reads nothing of it is ended")
async def _():
    with Server("--ping-after=2", "--idle-timeout=6", "--resume-limit=1000",
                "--limit-messages=none") as server:
        await post_much(server)
        reader = Raw(server, "Reader", receive_buffer=4096)
        reader.document({"action": "join-room", "message": "much", "since": 1})
        await until_async(lambda: server.metric("chatd_timed_out_clients_total") == 1, "it is ended")
        reader.close()


run("--ping-after=2", "--idle-timeout=6")
