#!/usr/bin/python3 -B
"""Who is online while instances die, hang and stop: no ghost, nobody told twice."""
from redis import *

EXPIRY = 8 * PATIENCE  # seconds after which a dead instance's users are gone everywhere
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


@test("an instance that hangs for 10 s: its users leave and come back, each told once")
async def _():
    with Cluster(3) as cluster:
        guests, watchers = await scene(cluster, 3)
        room = await join_all((*guests, *watchers), "patience")
        await cluster.until_ok()
        await guests[0].post(room, "before")
        for each in (*guests, *watchers):
            await each.expect("send-message", message="before")
        since, guests_since = marks(watchers), marks(guests)
        paused = time.monotonic()
        cluster.servers[0].terminate(signal.SIGSTOP)
        await all_told(watchers, since, "user-left", guests, EXPIRY)
        lasted = time.monotonic() - paused
        assert lasted > LEASE - 2.5, f"the users were gone after {lasted:.1f} s"
        for i in range(5):
            await watchers[i % 2].post(room, f"meanwhile {i}")
        visitor = await Client.connect(cluster.servers[1], "Visitor")
        await asyncio.sleep(max(0, paused + 10 - time.monotonic()))
        equal(watchers[0].has("user-join", sender={"name": "Guest 0"})[1:], [], "back too early")
        cluster.servers[0].terminate(signal.SIGCONT)
        await all_told(watchers, since, "user-join", (visitor, *guests))
        cluster.servers[0].wait_for_log(r"\blease-lost\b")
        # Its own clients have what was said meanwhile, and keep talking.
        await guests[2].post(room, "after")
        await all_hear((*guests, *watchers), room, 7)
        await guests[0].expect("user-join", sender={"id": visitor.id})
        await lists_are((*guests, *watchers), (*guests, *watchers, visitor))
        for each, mark in zip(watchers, since):
            equal(told(each, mark, "user-left"), sorted(guest.id for guest in guests), "left")
        for each, mark in zip(guests, guests_since):
            equal(told(each, mark, "user-left"), [], "left, as the guests see it")
            equal(told(each, mark, "user-join"), [visitor.id], "came, as the guests see it")
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


@test("without Redis who comes and who goes is known on the other instance within 2 s")
async def _():
    with Cluster(2) as cluster:
        (ann,), (bob,) = await scene(cluster, 1)
        cluster.redis.kill()
        await until_async(lambda: not cluster.is_ok(), "it is noticed that Redis is away")
        carl = await Client.connect(cluster.servers[0], "Carl")
        await bob.expect("user-join", sender={"id": carl.id}, limit=2 * PATIENCE)
        dora = await Client.connect(cluster.servers[1], "Dora")
        await ann.expect("user-join", sender={"id": dora.id}, limit=2 * PATIENCE)
        await carl.close()
        await bob.expect("user-left", sender={"id": carl.id}, limit=2 * PATIENCE)
        cluster.redis.start()
        await cluster.until_ok()
        await lists_are((ann, bob), (ann, bob, dora))
        await close_all(ann, bob, dora)


run()
