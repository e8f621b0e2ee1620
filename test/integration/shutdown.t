#!/usr/bin/python3 -B
"""SIGTERM and SIGINT, whatever the clients are doing."""
import sqlite3

from chat import *

IN_TIME = 10 * PATIENCE  # seconds to exit


def ends_in_time(server, number=signal.SIGTERM):
    start = time.monotonic()
    server.stop(number)
    took = time.monotonic() - start
    assert took < IN_TIME, f"took {took:.1f} s"


def check_notice(code, reason):
    equal(code, 1012)
    match = re.fullmatch(r"restart; retry-ms=(\d+)", reason)
    assert match, reason
    return int(match.group(1))


for number in signal.SIGTERM, signal.SIGINT:
    @test(f"{number.name} closes every client with 1012 and its own pause, and exits with 0")
    async def _(number=number):
        with Server() as server:
            clients = await connect_all(server, *[f"User {i}" for i in range(20)])
            for each in clients:
                await each.join("room")
            start = time.monotonic()
            server.terminate(number)
            pauses = [check_notice(*await each.closed()) for each in clients]
            assert len(set(pauses)) > 5, f"the pauses are alike: {pauses}"
            equal(await asyncio.to_thread(server.wait), 0, "exit status")
            took = time.monotonic() - start
            assert took < IN_TIME, f"took {took:.1f} s"


@test("with nobody connected it exits with 0 at once")
def _():
    for number in signal.SIGTERM, signal.SIGINT:
        with Server() as server:
            ends_in_time(server, number)


@test("clients that never read, in a busy room, do not hold it up")
async def _():
    with Server() as server:
        ann = await Client.connect(server)
        room = await ann.join("busy")
        slow = [Raw(server, f"Slow {i}", receive_buffer=4096) for i in range(3)]
        for i, each in enumerate(slow):
            each.document({"action": "join-room", "message": "busy"})
            await ann.expect("send-message", message=f"Slow {i} joined the room")
        for _ in range(500):
            if server.metric("chatd_outbox_bytes"):
                break
            await ann.post(room, "x" * 10000)
        assert server.metric("chatd_outbox_bytes"), "no outbox holds anything"
        reading = asyncio.create_task(ann.closed())
        await asyncio.to_thread(ends_in_time, server)
        check_notice(*await reading)


@test("clients that do not answer the close, or are in the middle of a frame, do not hold it up")
def _():
    with Server() as server:
        silent = [Raw(server, f"Silent {i}") for i in range(5)]
        for each in silent[:3]:
            each.send(frame(TEXT, "x" * 100)[:50])
        half = Raw(server, upgrade=False)
        half.send(b"GET /ws?name=Half HTTP/1.1\r\nHost:")
        ends_in_time(server)
        for each in silent:
            equal(struct.unpack("!H", each.control(CLOSE)[:2])[0], 1012)


@test("every message in flight is acknowledged and stored, or refused, or neither: never both")
async def _():
    with Server() as server:
        clients = await connect_all(server, *[f"User {i}" for i in range(10)])
        room = [await each.join("flight") for each in clients][0]

        async def talk(client):
            sent = 0
            try:
                while True:
                    await client.send(message(room, f"{client.name} {sent}", f"{sent}"))
                    sent += 1
                    # No more than this process itself takes in: each hears all of them.
                    if sent % 3 == 0:
                        await asyncio.sleep(0.02)
            except websockets.ConnectionClosed:
                return

        talking = [asyncio.create_task(talk(each)) for each in clients]
        await clients[0].expect("send-message", seq=100)
        server.terminate()
        await asyncio.gather(*talking)
        for each in clients:
            check_notice(*await each.closed())
            await each.reader
        equal(await asyncio.to_thread(server.wait), 0, "exit status")

        database = sqlite3.connect(server.database)
        dump = "\n".join(database.iterdump())
        database.close()
        acks = 0
        for each in clients:
            acked = {document["id"]: document["seq"] for document in each.has("message-ack")}
            refused = {document.get("id") for document in each.has("error")}
            equal(refused & set(acked), set(), "both acknowledged and refused")
            for error in each.has("error"):
                equal((error["code"], error["retry"]), ("shutting-down", True))
            for id in acked:
                assert f"'{each.name} {id}'" in dump, f"{each.name} {id} is acked and not stored"
            acks += len(acked)
        assert acks >= 10, f"{acks} acks"


@test("clients that wait to be stored do not hold it up, and are sent away like the others")
def _():
    with Server() as server:
        ready = Raw(server, "Ready")
        ready.expect("welcome")
        lock = sqlite3.connect(server.database, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        waiting = [Raw(server, f"Waiting {i}") for i in range(20)]
        until(lambda: server.metric("chatd_lobby_backlog") > 0, "some wait for the lobby")
        ends_in_time(server)
        lock.close()
        for each in (ready, *waiting):
            code = struct.unpack("!H", each.control(CLOSE)[:2])[0]
            assert code == 1012 or (code == 1011 and each is not ready), code
            each.close()


@test("who still waits for an answer at the end is sent away with a pause of its own as well")
def _():
    with Server() as server:
        stuck = [Raw(server, f"Stuck {i}") for i in range(10)]
        for each in stuck:
            each.document({"action": "join-room", "message": "stuck"})
            room = each.expect("room-joined")["target"]["id"]
        lock = sqlite3.connect(server.database, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        for each in stuck:
            each.document(message(room, "stuck", "1"))
        ends_in_time(server)
        lock.close()
        pauses = [check_notice(struct.unpack("!H", end[:2])[0], end[2:].decode())
                  for end in (each.control(CLOSE) for each in stuck)]
        assert len(set(pauses)) > 5, f"the pauses are alike: {pauses}"
        for each in stuck:
            each.close()


def time_to_stop(has_request):
    with Server() as server:
        if has_request:
            server.request("/healthz")
        begin = time.monotonic()
        server.stop()
        return time.monotonic() - begin


@test("who has nothing to do stops at once, whether anybody has ever connected or not")
def _():
    for has_request in False, True:
        best = min(time_to_stop(has_request) for _ in range(3))
        assert best < 3 * PATIENCE, f"{best:.2f} s, after a request: {has_request}"


@test("a connection that comes while it stops is refused, or closed like the others")
async def _():
    with Server() as server:
        slow = Raw(server, "Slow")
        server.terminate()
        try:
            late = Raw(server, "Late")
            equal(struct.unpack("!H", late.control(CLOSE)[:2])[0], 1012)
        except (OSError, EOFError):
            pass
        except AssertionError as refusal:
            assert "503" in str(refusal) or "no answer" in str(refusal), refusal
        equal(server.wait(), 0, "exit status")
        slow.close()


@test("a second signal ends it at once")
def _():
    # The database is locked, so that the drain has something to wait for.
    with Server() as server:
        raw = Raw(server)
        raw.document({"action": "join-room", "message": "locked"})
        room = raw.expect("room-joined")["target"]["id"]
        lock = sqlite3.connect(server.database, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        raw.document(message(room, "stuck", "1"))
        server.terminate()
        server.wait_for_log("(?i)stop|drain|shut")
        start = time.monotonic()
        server.terminate()
        status = server.wait()
        took = time.monotonic() - start
        lock.close()
        assert took < 1.8 * PATIENCE, f"took {took:.1f} s"
        assert status is not None


run()
