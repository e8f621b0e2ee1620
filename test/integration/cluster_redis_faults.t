#!/usr/bin/python3 -B
"""A Redis that is away, dies, hangs or drops connections: the chat goes on, and nothing is lost."""
from redis import *
from traffic import Traffic, talk_while_killed


@test("Redis is down at the start: degraded, and messages cross within 1.5 s; then it comes")
async def _():
    redis = Redis(start=False)
    with Cluster(2, redis=redis, ready=False) as cluster:
        await is_degraded(cluster)
        equal(health(cluster.servers[0])["redis"]["up"], False)
        equal(cluster.servers[0].metric("chatd_bus_up"), 0)
        ann, bob, room = await pair(cluster, "without")
        await is_late_at_most(ann, bob, room, 1, 4)
        await is_late_at_most(bob, ann, room, 5, 4)
        redis.start()
        await is_mended(cluster, ann, bob, room)
        equal(health(cluster.servers[0])["redis"]["up"], True)
        await all_hear((ann, bob), room, 9)
        await close_all(ann, bob)


@test("Redis is killed and started again under load: nothing missing, twice or out of order")
async def _():
    with Cluster(2) as cluster:
        traffic = Traffic(cluster.servers, 10)
        await traffic.join()
        await cluster.until_ok()
        talking = asyncio.create_task(traffic.talk(60))
        ann, bob, room = await pair(cluster, "beside")
        for turn in range(2):
            cluster.redis.kill()
            await is_degraded(cluster)
            await is_late_at_most(ann, bob, room, 1 + 4 * turn, 3)
            cluster.redis.start()
            await is_mended(cluster, ann, bob, room)
        traffic.stopped = True
        await talking
        await traffic.check()
        for each in cluster.servers:
            assert each.metric("chatd_bus_reconnects_total") >= 6, "all connections came back twice"
        traffic.close()
        await close_all(ann, bob)


@test("Redis hangs for 10 s under load: it is noticed, nothing waits for it, nothing is lost")
async def _():
    with Cluster(2) as cluster:
        traffic = Traffic(cluster.servers, 10)
        await traffic.join()
        ann, bob, room = await pair(cluster, "beside")
        await cluster.until_ok()
        talking = asyncio.create_task(traffic.talk(60))
        cluster.redis.pause()
        paused = time.monotonic()
        await is_late_at_most(ann, bob, room, 1, 5)
        await is_degraded(cluster)
        await asyncio.sleep(max(0, paused + 10 - time.monotonic()))
        await is_late_at_most(bob, ann, room, 6, 1)
        cluster.redis.resume()
        await is_mended(cluster, ann, bob, room)
        traffic.stopped = True
        await talking
        await traffic.check()
        traffic.close()
        await close_all(ann, bob)


@test("CLIENT KILL TYPE pubsub every second under load: none missing, none twice, one order")
async def _():
    with Cluster(2) as cluster:
        said, killed = await talk_while_killed(cluster, clients=30, rate=100, seconds=6)
        assert said > 300, f"only {said} messages"
        assert killed >= 8, f"only {killed} subscriptions were killed"
        await cluster.until_ok()


run()
