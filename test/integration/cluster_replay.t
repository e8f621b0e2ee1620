#!/usr/bin/python3 -B
"""Who can read and publish on the Redis sends again what the instances have said: it counts once."""
from redis import *


async def refused(cluster, channel, payloads, clients, server=1):
    """Publishes again what another instance has said: counted there, and no client hears of it."""
    def count():
        return cluster.servers[server].metric("chatd_replayed_payloads_total")

    marks = [len(each.received) for each in clients]
    expected = count() + len(payloads)
    for each in payloads:
        cluster.redis.command("PUBLISH", channel, each)
    await until_async(lambda: count() >= expected, f"{len(payloads)} payloads are refused")
    await asyncio.sleep(0.5 * PATIENCE)  # rounds of announcements would have passed
    equal(count(), expected, "refused payloads")
    for each, mark in zip(clients, marks):
        await each.round_trip()
        news = [one for one in each.received[mark:] if one["action"] != "error"
                and one.get("message") != "Bob left the room"]  # which may be told late
        equal(news, [], f"what {each.name} was sent")
    equal(cluster.metric("chatd_invalid_payloads_total"), 0, "invalid payloads")


async def settled_pair(cluster, name):
    """As pair(), when all the notices about that have passed: two messages came after them."""
    ann, bob, room = await pair(cluster, name)
    await cluster.until_ok()
    await ann.post(room, "Ann is settled")
    await bob.post(room, "Bob is settled")
    await all_hear((ann, bob), room, 2)
    return ann, bob, room


async def heard(client, room, text):
    """Waits for the text, and returns how often the client has heard it."""
    await until_async(lambda: client.has("send-message", message=text, target={"id": room}), text)
    return len(client.has("send-message", message=text, target={"id": room}))


async def record(cluster, ann, bob, room, name):
    """Has Ann's instance say something of each kind in the room; returns the payloads."""
    listener = Listener(cluster.redis, f"chat:room:{room}")
    carl = await Client.connect(cluster.servers[0], name)
    await carl.join("replayed")
    await ann.post(room, f"said to {name}")
    await carl.send({"action": "leave-room", "message": room})
    texts = f"{name} joined the room", f"said to {name}", f"{name} left the room"
    payloads = listener.until(*texts)
    listener.close()
    for each in ann, bob:
        for text in texts:
            equal(await heard(each, room, text), 1, text)
    for each in ann, bob:  # one who comes and goes within a round is not told of at all
        await each.expect("user-join", sender={"id": carl.id})
    await carl.close()
    for each in ann, bob:
        await each.expect("user-left", sender={"id": carl.id})
    return payloads


@test("messages and notices: nobody hears them again, neither at once nor after others")
async def _():
    with Cluster(2) as cluster:
        ann, bob, room = await settled_pair(cluster, "replayed")
        payloads = await record(cluster, ann, bob, room, "Carl")
        channel = f"chat:room:{room}"
        await refused(cluster, channel, payloads * 3, (ann, bob))
        await refused(cluster, channel, payloads[::-1], (ann, bob))
        later = await record(cluster, ann, bob, room, "Dora")
        await refused(cluster, channel, payloads + later, (ann, bob))
        await bob.post(room, "as if nothing had happened")
        await all_hear((ann, bob), room, 5)
        cluster.servers[1].wait_for_log(rf"\breplayed-payload\b.*channel={channel}\b")
        equal(cluster.servers[0].metric("chatd_replayed_payloads_total"), 0, "its own are nothing to it")
        await close_all(ann, bob)


@test("in a room that was closed and opened again meanwhile, and on an instance that was not there")
async def _():
    with Cluster(2, "--room-grace=0") as cluster:
        ann, bob, room = await settled_pair(cluster, "replayed")
        payloads = await record(cluster, ann, bob, room, "Carl")
        channel = f"chat:room:{room}"
        await bob.send({"action": "leave-room", "message": room})
        await until_async(lambda: cluster.servers[1].metric("chatd_rooms") == 0, "it is closed there")
        cluster.redis.command("PUBLISH", channel, payloads[0])  # nobody is there who could refuse it
        before = [len(each.has("send-message", message="Bob joined the room")) for each in (ann, bob)]
        equal(await bob.join("replayed"), room)
        for each, count in zip((ann, bob), before):
            await until_async(lambda: len(each.has("send-message", message="Bob joined the room")) > count,
                              f"{each.name} is told")
        await cluster.until_ok()
        await refused(cluster, channel, payloads, (ann, bob))
        eve = await Client.connect(cluster.add(), "Eve")
        equal(await eve.join("replayed"), room)
        for each in ann, bob:
            await each.expect("user-join", sender={"id": eve.id})
        for each in ann, bob, eve:
            await heard(each, room, "Eve joined the room")
        await cluster.until_ok()
        await refused(cluster, channel, payloads, (ann, bob, eve), server=2)
        await ann.post(room, "for all of them")
        for each in ann, bob, eve:
            await each.expect("send-message", message="for all of them", seq=4)
        await close_all(ann, bob, eve)


@test("an invitation: who has left the private chat is not brought into it again")
async def _():
    with Cluster(2) as cluster:
        ann, bob, _ = await settled_pair(cluster, "elsewhere")
        listener = Listener(cluster.redis, "chat:general")
        await ann.send({"action": "join-room-private", "message": bob.id})
        room = (await ann.expect("room-joined", target={"private": True}))["target"]["id"]
        await bob.expect("room-joined", target={"id": room})
        invitation = listener.until("join-room-private")
        listener.close()
        await cluster.until_ok()
        await bob.post(room, "hello")
        await ann.expect("send-message", message="hello")
        await bob.send({"action": "leave-room", "message": room})
        await bob.refused(message(room, "am I in?"), "not-a-member")
        await refused(cluster, "chat:general", invitation * 5, (ann, bob))
        carl = await Client.connect(cluster.servers[0], "Carl")
        for each in ann, bob:
            await each.expect("user-join", sender={"id": carl.id})
        await refused(cluster, "chat:general", invitation, (ann, bob))
        await bob.refused(message(room, "am I in again?"), "not-a-member")
        # What Ann really says does bring him in; then he is in once.
        listener = Listener(cluster.redis, "chat:general")
        await ann.post(room, "between us")
        for each in ann, bob:
            await each.expect("send-message", message="between us", seq=2)
        invitation += listener.until("join-room-private")
        listener.close()
        await refused(cluster, "chat:general", invitation, (ann, bob))
        equal(len(bob.has("room-joined", target={"id": room})), 2, "invitations that count")
        await close_all(ann, bob, carl)


@test("arrivals and departures: no ghost appears and nobody is hidden, not even for a moment")
async def _():
    with Cluster(2) as cluster:
        ann, bob, _ = await settled_pair(cluster, "ghosts")
        listener = Listener(cluster.redis, "chat:general")
        carl = await Client.connect(cluster.servers[0], "Carl")
        joined = listener.until(carl.id)
        for each in ann, bob:
            await each.expect("user-join", sender={"id": carl.id})
        await refused(cluster, "chat:general", joined, (ann, bob, carl))
        await carl.close()
        left = listener.until(carl.id)
        for each in ann, bob:
            await each.expect("user-left", sender={"id": carl.id})
        await refused(cluster, "chat:general", [*joined, *left, *joined], (ann, bob))
        for each in ann, bob:
            equal(online(each), {ann.id: "Ann", bob.id: "Bob"}, f"the list of {each.name}")
        listener.close()
        await close_all(ann, bob)


run()
