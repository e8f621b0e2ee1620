#!/usr/bin/python3 -B
"""What outlives the process: rooms, their numbering, and nobody's ghost."""
from chat import *

for name, end in ("a clean stop", Server.stop), ("kill -9", Server.kill):
    @test(f"after {name} rooms keep their ids and numbering, and nothing acknowledged is lost")
    async def _(end=end):
        first = Server()
        ann = await Client.connect(first, "Ann")
        room = await ann.join("kept")
        for i in range(1, 51):
            equal((await ann.post(room, f"text {i}"))["seq"], i)
        end(first)
        await ann.reader
        with Server(folder=first.folder) as second:
            bob = await Client.connect(second, "Bob")
            await bob.send({"action": "join-room", "message": "kept"})
            joined = await bob.expect("room-joined")
            equal((joined["target"]["id"], joined["lastSeq"]), (room, 50))
            equal((await bob.post(room, "next"))["seq"], 51)
            await bob.close()


@test("kill -9 under load: each acknowledged number is used up, and the next one follows")
async def _():
    folder = temporary_folder()
    last = 0
    for turn in range(3):
        server = Server(folder=folder)
        clients = await connect_all(server, "Ann", "Bob", "Carl")
        rooms = [await each.join("load") for each in clients]

        async def talk(client):
            try:
                for i in itertools.count():
                    await client.send(message(rooms[0], f"{turn} {i}", f"{i}"))
                    await asyncio.sleep(0)
            except websockets.ConnectionClosed:
                pass

        talking = [asyncio.create_task(talk(each)) for each in clients]
        await clients[0].expect("send-message", seq=last + 200)
        server.kill()
        await asyncio.gather(*talking, *(each.reader for each in clients))
        acked = [ack["seq"] for each in clients for ack in each.has("message-ack")]
        equal(len(acked), len(set(acked)), "numbers given once")
        # What was seen by anybody is stored, acknowledged or not.
        seen = max(max(acked), *(each["seq"] for client in clients
                                 for each in client.has("send-message") if "seq" in each))
        with Server(folder=folder) as after:
            dora = await Client.connect(after, "Dora")
            await dora.send({"action": "join-room", "message": "load"})
            last = (await dora.expect("room-joined"))["lastSeq"]
            assert last >= seen, f"{seen} was seen, and the last one stored is {last}"
            equal((await dora.post(rooms[0], "next"))["seq"], last + 1)
            last += 1
            await dora.close()


@test("a private chat's room is not the one of two other users with the same names")
async def _():
    first = Server()
    ann, bob = await connect_all(first, "Ann", "Bob")
    await ann.send({"action": "join-room-private", "message": bob.id})
    room = (await ann.expect("room-joined"))["target"]["id"]
    await ann.post(room, "secret")
    first.stop()
    await ann.reader
    with Server(folder=first.folder) as second:
        ann, bob = await connect_all(second, "Ann", "Bob")
        await ann.send({"action": "join-room-private", "message": bob.id})
        joined = await ann.expect("room-joined")
        assert joined["target"]["id"] != room
        equal(joined["lastSeq"], 0)
        await ann.refused(message(room, "guess"), "not-a-member")
        await ann.close()
        await bob.close()


@test("after a clean stop nobody of before is online")
async def _():
    first = Server()
    ann = await Client.connect(first, "Ann")
    first.stop()
    await ann.reader
    with Server(folder=first.folder) as second:
        bob = await Client.connect(second, "Bob")
        equal([each["sender"]["name"] for each in bob.has("user-join")], ["Bob"])
        await bob.close()


@test("users of a killed process are gone once its lease is over")
async def _():
    first = Server()
    ann = await Client.connect(first, "Ann")
    first.kill()
    await ann.reader
    with Server(folder=first.folder) as second:
        bob = await Client.connect(second, "Bob")
        if bob.has("user-join", sender={"id": ann.id}):
            await bob.expect("user-left", limit=60 * PATIENCE, sender={"id": ann.id, "name": "Ann"})
        carl = await Client.connect(second, "Carl")
        equal(sorted(each["sender"]["name"] for each in carl.has("user-join")), ["Bob", "Carl"])
        equal(second.metric("chatd_users_online"), 2)
        await bob.close()
        await carl.close()


@test("clients that are connected again have their rooms again, by name")
async def _():
    first = Server()
    names = ["one", "zwei", "三"]
    ann = await Client.connect(first, "Ann")
    rooms = [await ann.join(name) for name in names]
    first.stop()
    await ann.reader
    with Server(folder=first.folder) as second:
        ann = await Client.connect(second, "Ann")
        equal([await ann.join(name) for name in names], rooms)
        await ann.close()


run()
