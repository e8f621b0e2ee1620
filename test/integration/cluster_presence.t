#!/usr/bin/python3 -B
"""Who is online while instances die, hang and stop: no ghost, nobody told twice."""
from redis import *

EXPIRY = 10 * PATIENCE  # seconds after which a dead instance's users are gone everywhere
LEASE = 6  # seconds; and the others look once a second


async def scene(cluster, count):
    """`count` users on the first instance, one on each of the others; all know of all."""
    guests = await connect_all(cluster.servers[0], *(f"Guest {i}" for i in range(count)))
    watchers = [await Client.connect(each, f"Watcher {i}")
                for i, each in enumerate(cluster.servers[1:])]
    for each in (*guests, *watchers):
        await until_async(lambda: len(online(each)) == count + len(watchers), "all know of all")
    return guests, watchers


def marks(clients):
    return [len(each.received) for each in clients]


def told(client, mark, action):
    """The ids that the client was told of by this action, since the mark."""
    return sorted(each["sender"]["id"] for each in client.received[mark:]
                  if each["action"] == action)


async def all_told(clients, since, action, users, limit=LIMIT):
    ids = sorted(each.id for each in users)
    for each, mark in zip(clients, since):
        await until_async(lambda: len(told(each, mark, action)) >= len(ids),
                          f"{each.name} is told {action} of all", limit)
        equal(told(each, mark, action), ids, f"{action} that {each.name} was told")


async def lists_are(clients, users):
    """Nobody is told anything more, not even after the next audits; and the lists are right."""
    counts = marks(clients)
    await asyncio.sleep(2.5)
    equal(marks(clients), counts, "documents")
    for each in clients:
        equal(online(each), {user.id: user.name for user in users}, f"the list of {each.name}")


@test("kill -9 of an instance: its users are gone everywhere within 8 s, each told once")
async def _():
    with Cluster(3) as cluster:
        guests, watchers = await scene(cluster, 5)
        room = await join_all((guests[0], *watchers), "survivors")
        await guests[0].post(room, "from the first")
        since = marks(watchers)
        killed = time.monotonic()
        cluster.servers[0].kill()
        # Nobody waits for that: the others talk meanwhile.
        await watchers[0].post(room, "the second goes on")
        await watchers[1].expect("send-message", message="the second goes on", seq=2)
        await all_told(watchers, since, "user-left", guests, killed + EXPIRY - time.monotonic())
        await lists_are(watchers, watchers)
        late = await Client.connect(cluster.servers[2], "Late")
        equal(online(late), {each.id: each.name for each in (*watchers, late)})
        # Its room goes on where it was when it comes back.
        again = await Client.connect(cluster.add(), "Again")
        equal(await again.join("survivors"), room)
        equal((await again.post(room, "I am back"))["seq"], 3)
        await watchers[0].expect("send-message", message="I am back", seq=3)
        await close_all(late, again, *watchers)


@test("instances that hang for 10 s: their users leave and come back, each told once")
async def _():
    with Cluster(3) as cluster:
        # An instance renews its lease in every other audit, one a second. Of two that were started
        # a second apart, one wakes to an audit that renews it, and the other one to one that does not.
        await asyncio.sleep(1)
        hanging = cluster.servers[0], cluster.add()
        guests, watchers = [], []
        for i in range(3):
            guests.append(await Client.connect(hanging[i % 2], f"Guest {i}"))
        for i, server in enumerate(cluster.servers[1:3]):
            watchers.append(await Client.connect(server, f"Watcher {i}"))
        for each in (*guests, *watchers):
            await until_async(lambda: len(online(each)) == 5, "all know of all")
        room = await join_all((*guests, *watchers), "patience")
        await cluster.until_ok()
        await guests[0].post(room, "before")
        for each in (*guests, *watchers):
            await each.expect("send-message", message="before")
        since, guests_since = marks(watchers), marks(guests)
        paused = time.monotonic()
        for each in hanging:
            each.pause()
        await all_told(watchers, since, "user-left", guests, EXPIRY)
        lasted = time.monotonic() - paused
        assert lasted > 2, f"the users were gone after {lasted:.1f} s"
        for i in range(5):
            await watchers[i % 2].post(room, f"meanwhile {i}")
        visitor = await Client.connect(cluster.servers[1], "Visitor")
        await asyncio.sleep(max(0, paused + 10 - time.monotonic()))
        for each, mark in zip(watchers, since):
            equal(told(each, mark, "user-join"), [visitor.id], "came while they hung")
        for each in hanging:
            each.resume()
        await all_told(watchers, since, "user-join", (visitor, *guests))
        # Their own clients have what was said meanwhile, and keep talking.
        await guests[2].post(room, "after")
        await all_hear((*guests, *watchers), room, 7)
        for each in guests:
            await each.expect("user-join", sender={"id": visitor.id})
        await lists_are(watchers, (*guests, *watchers, visitor))
        for each in hanging:
            each.wait_for_log(r"\blease-lost\b")
        for each, mark in zip(watchers, since):
            equal(told(each, mark, "user-left"), sorted(guest.id for guest in guests), "left")
            equal(told(each, mark, "user-join"),
                  sorted(each.id for each in (visitor, *guests)), "came back")
        # Those who hung may hear of each other's absence, but never of their own.
        everybody = {each.id: each.name for each in (visitor, *guests, *watchers)}
        for each, mark in zip(guests, guests_since):
            await until_async(lambda: online(each) == everybody, f"the list of {each.name} is right")
            here = [one.id for i, one in enumerate(guests) if i % 2 == guests.index(each) % 2]
            equal([id for id in told(each, mark, "user-left") if id in here], [], "left, as guests see it")
        await close_all(visitor, *guests, *watchers)


@test("an instance that stops in order tells at once that its users have left")
async def _():
    with Cluster(3) as cluster:
        guests, watchers = await scene(cluster, 5)
        since = marks(watchers)
        cluster.servers[0].terminate()
        # Well before the lease would run out.
        await all_told(watchers, since, "user-left", guests, 3 * PATIENCE)
        equal(cluster.servers[0].wait(), 0, "exit status")
        await lists_are(watchers, watchers)
        await close_all(*watchers)


@test("without Redis who comes and who goes is known on the other instance within seconds")
async def _():
    with Cluster(2) as cluster:
        (ann,), (bob,) = await scene(cluster, 1)
        cluster.redis.kill()
        await until_async(lambda: not cluster.is_ok(), "it is noticed that Redis is away")
        carl = await Client.connect(cluster.servers[0], "Carl")
        await bob.expect("user-join", sender={"id": carl.id}, limit=LATE)
        dora = await Client.connect(cluster.servers[1], "Dora")
        await ann.expect("user-join", sender={"id": dora.id}, limit=LATE)
        await carl.close()
        await bob.expect("user-left", sender={"id": carl.id}, limit=LATE)
        cluster.redis.start()
        await cluster.until_ok()
        await lists_are((ann, bob), (ann, bob, dora))
        await close_all(ann, bob, dora)


run()
