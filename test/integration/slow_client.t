#!/usr/bin/python3 -B
"""Clients that never read, in a busy room: the others do not notice, and memory stays bounded."""
from chat import *

OUTBOX = 262144


@test("clients that never read are closed; the others get everything in order and in time")
async def _():
    with Server(f"--outbox={OUTBOX}") as server:
        ann, bob = await connect_all(server, "Ann", "Bob")
        room = await ann.join("busy")
        await bob.join("busy")
        slow = [Raw(server, f"Slow {i}", receive_buffer=4096) for i in range(5)]
        for each in slow:
            each.document({"action": "join-room", "message": "busy"})
        for i in range(5):
            await ann.expect("send-message", message=f"Slow {i} joined the room")
        memory = server.status("VmRSS")
        peak = count = 0
        times = []
        text = "x" * 10000

        # The kernel's own buffers take some megabytes for each before the outbox fills.
        while server.metric("chatd_slow_clients_closed_total") < 5:
            assert count < 5000, f"after {count * 10} kB the slow clients are still there"
            for _ in range(20):
                start = time.monotonic()
                count += 1
                await ann.post(room, text)
                await bob.expect("send-message", seq=count)
                times.append(time.monotonic() - start)
            peak = max(peak, server.status("VmRSS"))
        equal([each["seq"] for each in bob.has("send-message") if "seq" in each],
              list(range(1, count + 1)), "numbers that Bob got")
        longest = sorted(times)[-2]  # once the machine itself may stand still
        assert longest < 2 * PATIENCE, f"two messages took {longest:.1f} s"
        if not is_sanitized():
            allowed = (5 * OUTBOX + 16 * 1024 * 1024) / 1024
            assert peak - memory < allowed, f"{peak - memory} kB more memory, of {allowed}"
        for i in range(5):
            await ann.expect("user-left", sender={"name": f"Slow {i}"})
        await until_async(lambda: server.metric("chatd_clients") == 2, "two clients")
        equal(server.metric("chatd_outbox_bytes"), 0, "bytes waiting")
        await ann.post(room, "after")
        await bob.expect("send-message", message="after")
        await ann.close()
        await bob.close()
        for each in slow:
            each.close()


@test("a slow client that reads at last finds whole frames, in order, and a 1013 or the end")
async def _():
    with Server(f"--outbox={OUTBOX}") as server:
        ann = await Client.connect(server, "Ann")
        room = await ann.join("busy")
        slow = Raw(server, "Slow", receive_buffer=4096)
        slow.document({"action": "join-room", "message": "busy"})
        await ann.expect("send-message", message="Slow joined the room")
        for count in range(5000):
            if server.metric("chatd_slow_clients_closed_total"):
                break
            await ann.post(room, "x" * 10000)
        equal(server.metric("chatd_slow_clients_closed_total"), 1)

        def read_all():
            seqs, code = [], None
            try:
                while code is None:
                    opcode, payload = slow.read()
                    if opcode == CLOSE:
                        code = struct.unpack("!H", payload[:2])[0]
                    for line in payload.decode().split("\n") if opcode == TEXT else ():
                        seqs.append(json.loads(line).get("seq"))
            except (EOFError, ConnectionResetError):
                pass
            return [seq for seq in seqs if seq], code

        seqs, code = await asyncio.to_thread(read_all)
        equal(seqs, list(range(1, len(seqs) + 1)), "numbers that the slow client got")
        assert code in (None, 1013), f"closed with {code}"
        slow.close()
        await ann.close()


@test("who reads slowly is spared the hints, and gets every message")
async def _():
    with Server(f"--outbox={4 * OUTBOX}") as server:
        ann, bob = await connect_all(server, "Ann", "Bob")
        room = await ann.join("busy")
        slow = Raw(server, "Slow", receive_buffer=4096)
        slow.document({"action": "join-room", "message": "busy"})
        await ann.expect("send-message", message="Slow joined the room")
        count = 0
        # Until its outbox is half full, and no further.
        while server.metric("chatd_outbox_bytes") < 2 * OUTBOX:
            count += 1
            await ann.post(room, "x" * 10000)
        equal(server.metric("chatd_hints_dropped_total"), 0)
        await ann.send({"action": "typing", "target": {"id": room}})
        await bob.join("busy")
        await ann.expect("send-message", message="Bob joined the room")
        await ann.expect("typing")
        await until_async(lambda: server.metric("chatd_hints_dropped_total") == 2, "two are dropped")
        await ann.post(room, "the last one")
        count += 1

        def read_all():
            got = []
            while not got or got[-1].get("seq") != count:
                got += [json.loads(line) for line in slow.read()[1].decode().split("\n")]
            return [each for each in got if each["action"] not in ("welcome", "user-join")]

        got = await asyncio.to_thread(read_all)
        equal([each["seq"] for each in got if "seq" in each], list(range(1, count + 1)))
        equal([each for each in got if each["action"] == "typing"
               or each.get("message") == "Bob joined the room"], [], "hints")
        # Now that it has caught up it is told again.
        await asyncio.sleep(1)
        await ann.send({"action": "typing", "target": {"id": room}})
        await asyncio.to_thread(slow.expect, "typing")
        equal(server.metric("chatd_slow_clients_closed_total"), 0)
        slow.close()
        await close_all(ann, bob)


@test("a client that reads slowly, but reads, misses nothing")
async def _():
    with Server() as server:
        ann = await Client.connect(server, "Ann")
        room = await ann.join("steady")
        steady = Raw(server, "Steady", receive_buffer=4096)
        steady.document({"action": "join-room", "message": "steady"})
        await ann.expect("send-message", message="Steady joined the room")

        def read_all():
            seqs = []
            while len(seqs) < 300:
                seqs.append(steady.expect("send-message", sender={"name": "Ann"})["seq"])
            return seqs

        reading = asyncio.create_task(asyncio.to_thread(read_all))
        for _ in range(300):
            await ann.post(room, "x" * 10000)
        equal(await reading, list(range(1, 301)))
        equal(server.metric("chatd_slow_clients_closed_total"), 0)
        steady.close()
        await ann.close()


run()
