#!/usr/bin/python3 -B
"""Many rooms on instances with a Redis: each has a connection there, and gives it back."""
from redis import *

ROOMS = 200


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


@test(f"{ROOMS} rooms opened and closed on two instances: threads, descriptors and connections go")
async def _():
    with Cluster(2, "--room-grace=0") as cluster:
        ann, bob = await connect_each(cluster, "Ann", "Bob")

        def state():
            return ([each.status("Threads") for each in cluster.servers],
                    [descriptors(each) for each in cluster.servers], len(cluster.redis.clients()),
                    len(cluster.redis.command("PUBSUB", "CHANNELS")))

        equal(await join_all((ann, bob), "first"), await join_all((ann, bob), "first"))
        rooms = [ann.has("room-joined")[0]["target"]["id"]]

        async def leave_all():
            for each in ann, bob:
                for room in rooms:
                    await each.send({"action": "leave-room", "message": room})
                await each.round_trip()
            await until_async(lambda: cluster.metric("chatd_rooms") == 0, "no room runs")
            await until_async(lambda: len(cluster.redis.clients()) == 4,
                              "a publisher and a lobby of each instance are connected")

        # Once there and back, so that what is kept for ever is there before anything is counted.
        await leave_all()
        await until_async(lambda: len(cluster.redis.command("PUBSUB", "CHANNELS")) == 1, "general")
        start = state()
        for turn in range(2):
            rooms = await asyncio.gather(*(join_many(each, ROOMS) for each in (ann, bob)))
            equal(*rooms, "ids")
            rooms = rooms[0]
            await cluster.until_ok()
            names = cluster.redis.clients(r"^chatd:[^:]+:room:")
            equal(len(names), 2 * ROOMS, "connections of rooms")
            equal(len(set(names)), 2 * ROOMS, "names of connections")
            equal(len(cluster.redis.command("PUBSUB", "CHANNELS")), ROOMS + 1, "channels")
            for each in cluster.servers:
                equal(each.metric("chatd_bus_channels"), ROOMS + 1, "channels open")
            await ann.post(rooms[turn], "hello")
            await bob.expect("send-message", message="hello", target={"id": rooms[turn]})
            await leave_all()
            # civetweb's workers and the tests' own requests come and go by one or two.
            await until_async(lambda: all(
                now <= before for now, before in zip(state()[0], start[0])), "the threads have ended")
            await until_async(lambda: all(
                now <= before + 2 for now, before in zip(state()[1], start[1])),
                "the descriptors are closed")
            equal(state()[2:], start[2:], "connections to Redis, and channels there")
        await close_all(ann, bob)


async def join_many(client, count):
    """Returns the ids of as many rooms."""
    names = [f"room {i}" for i in range(count)]
    for name in names:
        await client.send({"action": "join-room", "message": name})
    return [(await client.expect("room-joined", target={"name": name}))["target"]["id"]
            for name in names]


run()
