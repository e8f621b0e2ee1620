#!/usr/bin/python3 -B
"""A database that is locked or full: refused openly, and in order again afterwards."""
import sqlite3

from chat import *


@test("locked by another process: unavailable, to be tried again; afterwards nothing is missing")
async def _():
    with Server() as server:
        ann, bob = await connect_all(server, "Ann", "Bob")
        room = await ann.join("locked")
        await bob.join("locked")
        await ann.post(room, "before", "1")
        lock = sqlite3.connect(server.database, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        await ann.send(message(room, "meanwhile", "2"))
        error = await ann.expect("error", limit=60 * PATIENCE, id="2")
        equal((error["code"], error["retry"], error["refused"], error["target"]),
              ("unavailable", True, "send-message", {"id": room}))
        await ann.send({"action": "join-room", "message": "another"})
        error = await ann.expect("error", limit=60 * PATIENCE, refused="join-room")
        equal((error["code"], error["retry"]), ("unavailable", True))
        equal(server.request("/healthz")[0], 200)
        lock.execute("ROLLBACK")
        lock.close()
        equal((await ann.post(room, "meanwhile", "2"))["seq"], 2)
        await ann.join("another")
        await bob.expect("send-message", seq=2, message="meanwhile")
        equal([each["seq"] for each in bob.has("send-message") if "seq" in each], [1, 2])
        await ann.close()
        await bob.close()


@test("locked for a moment: nobody notices but by the wait")
async def _():
    with Server() as server:
        ann = await Client.connect(server)
        room = await ann.join("moment")
        lock = sqlite3.connect(server.database, isolation_level=None)
        for i in range(5):
            lock.execute("BEGIN IMMEDIATE")
            await ann.send(message(room, f"text {i}", f"{i}"))
            await ann.round_trip()
            lock.execute("ROLLBACK")
            equal((await ann.expect("message-ack"))["seq"], i + 1)
        lock.close()
        equal(ann.has("error", refused="send-message"), [])
        await ann.close()


@test("locked for a moment: who is in a room already is served, and who comes waits")
async def _():
    with Server() as server:
        ann = await Client.connect(server)
        await ann.join("served")
        lock = sqlite3.connect(server.database, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        # Reading waits for no writer, and nor does what has nothing to do with the database.
        await ann.round_trip()
        equal(server.request("/healthz")[0], 200)
        coming = asyncio.create_task(Client.connect(server, "Bob"))
        back = asyncio.create_task(ann.return_to(server))
        await until_async(lambda: server.metric("chatd_clients") == 3, "all are connected")
        await ann.round_trip()
        assert not coming.done() and not back.done(), "welcome before it is stored"
        lock.execute("ROLLBACK")
        lock.close()
        await close_all(await coming, await back, ann)


@test("locked for long: who comes is told so, and closed with 1011; nobody is left of it")
async def _():
    with Server() as server:
        ann = await Client.connect(server, "Ann")
        lock = sqlite3.connect(server.database, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        raw = await asyncio.to_thread(Raw, server, "Bob")
        error = await asyncio.to_thread(raw.expect, "error")
        equal((error["code"], error["retry"]), ("unavailable", True))
        equal(raw.documents, [], "what else came")
        equal(struct.unpack("!H", raw.control(CLOSE)[:2])[0], 1011)
        raw.close()
        lock.execute("ROLLBACK")
        lock.close()
        await until_async(lambda: server.metric("chatd_clients") == 1, "it is gone")
        bob = await Client.connect(server, "Bob")
        await ann.expect("user-join", sender={"id": bob.id})
        equal(online(bob), {ann.id: "Ann", bob.id: "Bob"})
        equal(online(ann), {ann.id: "Ann", bob.id: "Bob"})
        await close_all(ann, bob)


@test("a full disk: an error, nothing acknowledged that is not stored, and it recovers")
async def _():
    folder = temporary_folder()
    # A file system of its own, gone with the process; the ballast is what will make room again.
    script = (f"mount -t tmpfs -o size=4m tmpfs {folder} && "
              f"head -c 1048576 /dev/zero >{folder}/ballast && exec \"$@\"")
    prefix = ("unshare", "--mount", "sh", "-c", script, "sh")
    if subprocess.run([*prefix, "true"], capture_output=True).returncode:
        raise Skip("a file system cannot be mounted here")
    with Server(folder=folder, prefix=prefix) as server:
        ann, bob = await connect_all(server, "Ann", "Bob")
        room = await ann.join("full")
        await bob.join("full")
        acked = []
        for i in range(2000):
            await ann.send(message(room, f"{i} " + "x" * 9000, f"{i}"))
            while not (answers := [each for each in ann.pending if each.get("id") == f"{i}"
                                   and each["action"] in ("message-ack", "error")]):
                async with ann.news:
                    await ann.news.wait()
            if answers[0]["action"] == "error":
                equal((answers[0]["code"], answers[0]["retry"]), ("unavailable", True))
                break
            acked.append(answers[0]["seq"])
        assert 10 < len(acked) < 2000, f"{len(acked)} messages were stored"
        equal(acked, list(range(1, len(acked) + 1)), "numbers")
        equal(server.request("/healthz")[0], 200)
        await ann.round_trip()
        os.remove(f"/proc/{server.process.pid}/root{folder}/ballast")
        equal((await ann.post(room, f"{i} " + "x" * 9000, f"{i}"))["seq"], len(acked) + 1)
        await bob.expect("send-message", seq=len(acked) + 1)
        equal([each["seq"] for each in bob.has("send-message") if "seq" in each],
              list(range(1, len(acked) + 2)), "numbers that Bob got")
        await ann.close()
        await bob.close()


@test("two processes on one file share rooms and numbering")
async def _():
    with Server() as first, Server(folder=first.folder) as second:
        ann = await Client.connect(first, "Ann")
        bob = await Client.connect(second, "Bob")
        for i in range(20):
            rooms = await asyncio.gather(ann.join(f"shared {i}"), bob.join(f"shared {i}"))
            equal(rooms[0], rooms[1])
        acks = await asyncio.gather(*(
            (ann, bob)[i % 2].post(rooms[0], f"{i}", f"{i}") for i in range(100)))
        equal(sorted(ack["seq"] for ack in acks), list(range(1, 101)), "numbers")
        for each in ann, bob:
            await each.expect("send-message", seq=100)
            equal([document["seq"] for document in each.has("send-message") if "seq" in document],
                  list(range(1, 101)), f"numbers that {each.name} got")
        await ann.close()
        await bob.close()


run()
