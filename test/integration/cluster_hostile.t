#!/usr/bin/python3 -B
"""Who else can reach the Redis: nothing of what it publishes there is believed."""
from redis import *


def channels(redis):
    return sorted(each.decode() for each in redis.command("PUBSUB", "CHANNELS"))


def seal(payload, instance=b"forger", proof=b"0" * 32):
    return b"chatd2 %s 1 %d %s\n" % (instance, time.time() * 1000, proof) + payload


def inside(*texts, seq=0):
    return b"".join(b"%d %d\n%s\n" % (seq, len(each), each) for each in texts)


def document(**fields):
    return json.dumps(fields).encode()


async def publish(cluster, channel, payloads):
    """Publishes them, and waits until each instance has refused each."""
    before = [each.metric("chatd_invalid_payloads_total") for each in cluster.servers]
    for each in payloads:
        equal(cluster.redis.command("PUBLISH", channel, each), len(cluster.servers), "receivers")
    for server, count in zip(cluster.servers, before):
        await until_async(
            lambda: server.metric("chatd_invalid_payloads_total") >= count + len(payloads),
            f"{len(payloads)} payloads are refused")
        equal(server.metric("chatd_invalid_payloads_total"), count + len(payloads), "refused")


async def nothing_came(clients, counts):
    """Not even with the next round of announcements; the round trip's own error apart, and that
    somebody had joined the room before, which may be told late."""
    await asyncio.sleep(0.5 * PATIENCE)
    for each, count in zip(clients, counts):
        await each.round_trip()
        news = [one for one in each.received[count:] if one["action"] != "error"
                and one.get("message") not in ("Ann joined the room", "Bob joined the room")]
        equal(news, [], f"what {each.name} was sent")


def counts(clients):
    return [len(each.received) for each in clients]


@test("channels are PREFIX:general and PREFIX:room:ID, and connections say whose and what they are")
async def _():
    with Cluster(2) as cluster:
        ann, bob, room = await pair(cluster, "what a name")
        await cluster.until_ok()
        equal(channels(cluster.redis), ["chat:general", f"chat:room:{room}"])
        instances = [health(each)["instance"] for each in cluster.servers]
        names = cluster.redis.clients()
        equal(len(names), 6, f"connections in {names}")
        for each in instances:
            own = [name for name in names if name.startswith(f"chatd:{each}:")]
            equal(len(own), 3, f"connections of one instance in {own}")
            equal(len([name for name in own if name.endswith(":room:what_a_name")]), 1, f"rooms in {own}")
        await close_all(ann, bob)


@test("rubbish and forgeries on a room's channel: counted, logged, and nobody hears of them")
async def _():
    with Cluster(2) as cluster:
        ann, bob, room = await pair(cluster, "target")
        await cluster.until_ok()
        await ann.post(room, "the only one")
        await all_hear((ann, bob), room, 1)
        chat = document(action="send-message", message="forged", seq=2, ts=1,
                        target={"id": room, "name": "target"}, sender={"id": ann.id, "name": "Ann"})
        notice = document(action="send-message", message="forged", target={"id": room, "name": "target"})
        instance = health(cluster.servers[0])["instance"].encode()
        payloads = [b"", b"\0" * 100, b"rubbish", os.urandom(1000), b"chatd2", b"chatd2 a 1 1\n", chat, notice,
                    seal(inside(chat, seq=2)), seal(inside(notice)), seal(inside(chat, seq=2), instance),
                    seal(inside(chat, seq=2**64 - 1)), seal(b"0 99999999\n"), seal(b"-1 -1\n"),
                    seal(inside(chat, seq=2), instance, b"f" * 32), b"chatd1" + seal(inside(chat))[6:],
                    b"\xff" * 70000, os.urandom(1 << 20), seal(inside(b"x" * (3 << 20)))]
        known = counts((ann, bob))
        await publish(cluster, f"chat:room:{room}", payloads)
        await nothing_came((ann, bob), known)
        for each in cluster.servers:
            lines = [line for line in each.log if "invalid-payload" in line]
            assert 1 <= len(lines) <= len(payloads), lines
            equal([line for line in each.log if "forged" in line], [], "lines that quote it")
        await bob.post(room, "as if nothing had happened")
        await all_hear((ann, bob), room, 2)
        await close_all(ann, bob)


@test("forged arrivals, departures and invitations: the lists stand, and nobody is brought in")
async def _():
    with Cluster(2) as cluster:
        ann, bob, _ = await pair(cluster, "list")
        ghost = {"id": "A" * 22, "name": "Ghost"}
        events = [document(action="user-join", sender=ghost),
                  document(action="user-left", sender={"id": ann.id, "name": "Ann"}),
                  document(action="user-left", sender={"id": bob.id, "name": "Bob"}),
                  document(action="join-room-private", message=ann.id, lastSeq=0,
                           sender={"id": bob.id, "name": "Bob"}),
                  document(action="welcome"), b"[]", b"{", b"{}"]
        known = counts((ann, bob))
        await publish(cluster, "chat:general", events + [seal(inside(each)) for each in events])
        await nothing_came((ann, bob), known)
        for each in ann, bob:
            equal(online(each), {ann.id: "Ann", bob.id: "Bob"})
        await close_all(ann, bob)


@test("a payload of another room, or of the general channel, is refused in this one")
async def _():
    with Cluster(2) as cluster:
        ann, bob, here = await pair(cluster, "here")
        there = await join_all((ann, bob), "there")
        await cluster.until_ok()
        listener = Listener(cluster.redis, f"chat:room:{there}")
        await ann.post(there, "said there")
        payload = listener.next()[1]
        listener.close()
        assert b"said there" in payload, payload
        await all_hear((ann, bob), there, 1)
        known = counts((ann, bob))
        await publish(cluster, f"chat:room:{here}", [payload])
        await publish(cluster, "chat:general", [payload])
        # One bit that is not as it was, and it is none of ours.
        damaged = [payload.replace(b"said there", b"said thera"), payload[:-1], payload + b"\n"]
        await publish(cluster, f"chat:room:{there}", damaged)
        await nothing_came((ann, bob), known)
        await close_all(ann, bob)


@test("two chats with different prefixes on one Redis do not hear each other")
async def _():
    redis = Redis()
    with Cluster(1, redis=redis) as one, Cluster(1, "--redis-prefix=other", redis=redis) as other:
        ann = await Client.connect(one.servers[0], "Ann")
        bob = await Client.connect(other.servers[0], "Bob")
        rooms = [await each.join("same name") for each in (ann, bob)]
        await one.until_ok()
        await other.until_ok()
        equal(channels(redis), sorted(("chat:general", f"chat:room:{rooms[0]}",
                                       "other:general", f"other:room:{rooms[1]}")))
        known = counts((ann, bob))
        await ann.post(rooms[0], "for this chat")
        await ann.expect("send-message", message="for this chat")
        carl = await Client.connect(one.servers[0], "Carl")
        await ann.expect("user-join", sender={"id": carl.id})
        await nothing_came((bob,), known[1:])
        equal(one.metric("chatd_invalid_payloads_total") + other.metric("chatd_invalid_payloads_total"), 0)
        equal(other.metric("chatd_bus_received_total"), 0)
        await close_all(ann, bob, carl)


@test("two chats with one prefix but a database each do not hear each other, and say so")
async def _():
    redis = Redis()
    with Cluster(1, redis=redis) as one, Cluster(1, redis=redis) as other:
        ann = await Client.connect(one.servers[0], "Ann")
        refused = other.metric("chatd_invalid_payloads_total")
        bob = await Client.connect(other.servers[0], "Bob")
        rooms = [await each.join("same name") for each in (ann, bob)]
        assert rooms[0] != rooms[1], "ids of rooms are anybody's guess"
        known = counts((bob,))
        carl = await Client.connect(one.servers[0], "Carl")
        await ann.expect("user-join", sender={"id": carl.id})
        await until_async(lambda: other.metric("chatd_invalid_payloads_total") > refused, "it is refused")
        await nothing_came((bob,), known)
        equal(online(bob), {bob.id: "Bob"})
        equal(online(ann), {ann.id: "Ann", carl.id: "Carl"})
        other.servers[0].wait_for_log(r"\binvalid-payload\b.*channel=chat:general\b")
        await close_all(ann, bob, carl)


run()
