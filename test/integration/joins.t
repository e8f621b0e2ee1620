#!/usr/bin/python3 -B
"""Joins of rooms that are made, or deleted, at that moment: each request has one answer."""
from chat import *


def answers(client, name):
    """What the client was answered to its requests to join the room of that name, by code where refused."""
    return [each.get("code", "room-joined") for each in client.received
            if each["action"] == "room-joined" and each["target"]["name"] == name
            or each["action"] == "error" and each.get("refused") == "join-room"]


@test("an answer has the `id` of its request, whatever becomes of that")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    join, private = ({"action": f"join-room{kind}", "message": None} for kind in ("", "-private"))
    await ann.send({**join, "message": "named", "id": "1"}, {**join, "message": "named", "id": "2"},
                   {**private, "message": bob.id, "id": "3"}, {**private, "message": bob.id, "id": "4"},
                   {"action": "create-room", "message": "closed", "kind": "invite-only", "id": "5"},
                   {**join, "message": "unnamed"})
    for id, name in ("1", "named"), ("2", "named"), ("5", "closed"):
        equal((await ann.expect("room-joined", id=id))["target"]["name"], name)
    for id in "34":
        equal((await ann.expect("room-joined", id=id))["sender"]["id"], bob.id)
    for answer in (await ann.expect("room-joined", target={"name": "unnamed"}), await bob.expect("room-joined")):
        assert "id" not in answer, answer
    await bob.send({**join, "message": "closed", "id": "6"}, {**join, "message": "closed", "id": "7"},
                   {**join, "message": "nowhere", "create": False, "id": "8"},
                   {**join, "message": "nowhere", "create": False, "id": "9"},
                   {**private, "message": "x" * 22, "id": "10"},
                   {"action": "create-room", "message": "closed", "id": "11"})
    for id, code in (("6", "invite-only"), ("7", "invite-only"), ("8", "no-such-room"), ("9", "no-such-room"),
                     ("10", "no-such-user"), ("11", "room-exists")):
        await bob.expect("error", id=id, code=code)
    for id in 5, "", "x" * 65:
        await bob.refused({**join, "message": "named", "id": id}, "bad-request")
        await bob.refused({**private, "message": ann.id, "id": id}, "bad-request")
    await bob.refused({**join, "message": "closed"}, "invite-only")
    equal(["id" in each for each in bob.has("error", code="invite-only")], [True, True, False])
    await close_all(ann, bob)


@test("with `create` false a room that is not there, or not any more, is not made")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    ask = {"action": "join-room", "message": "asked for", "create": False}
    await ann.refused(ask, "no-such-room", refused="join-room")
    await ann.refused({**ask, "since": 3}, "no-such-room")
    await ann.refused({**ask, "create": 0}, "bad-request")
    room = await bob.join("asked for")
    await ann.send(ask)
    equal((await ann.expect("room-joined"))["target"]["id"], room)
    await bob.post(room, "hello")
    await done(bob, "delete-room", room)
    await ann.expect("room-left", reason="room-deleted")
    await ann.refused({**ask, "since": 0}, "no-such-room")
    await ann.send({**ask, "create": True})
    equal((await ann.expect("room-joined"))["role"], "owner")
    await close_all(ann, bob)


@test("who makes a room is not refused because somebody asks for it who makes none")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    for i in range(30):
        ask = {"action": "join-room", "message": f"at once {i}"}
        await bob.send({**ask, "create": False})
        await ann.send(ask)
        await until_async(lambda: len(ann.has("room-joined")) > i, "Ann is in it")
        await bob.send({**ask, "message": f"alone {i}", "create": False}, {**ask, "message": f"alone {i}"})
        await until_async(lambda: bob.has("room-joined", target={"name": f"alone {i}"}), "Bob is in his own")
    equal((ann.has("error"), {error["code"] for error in bob.has("error")}), ([], {"no-such-room"}))
    await close_all(ann, bob)


@test("who joins while the room is deleted is in one of that name, whoever is first")
async def _(server):
    clients = await connect_all(server, *(f"User {i}" for i in range(4)))
    owner = await Client.connect(server, "Owner")
    for turn in range(15):
        name = f"short-lived {turn}"
        room = await owner.join(name)
        await owner.send(order("delete-room", room))
        ids = await asyncio.gather(*(each.join(name) for each in clients))
        await owner.expect("room-left", target={"id": room})
        # Who came before it was deleted was put out; the others are together in the next one.
        for each, id in zip(clients, ids):
            if id == room:
                await each.expect("room-left", target={"id": room})
                id = await each.join(name)
            assert id != room
            await each.post(id, "here")
        equal(len(set(each.has("room-joined", target={"name": name})[-1]["target"]["id"]
                      for each in clients)), 1, "rooms")
    await close_all(owner, *clients)


@test("who asks twice in one go gets the room that it makes, whoever asks for it beside")
async def _(server):
    ann, *others = await connect_all(server, "Ann", "Bob", "Eve", "Kim")
    for turn in range(40):
        ask = {"action": "join-room", "message": f"twice {turn}"}
        await asyncio.gather(*(each.send({**ask, "create": False}) for each in others),
                             ann.send(ask, {**ask, "create": False}))
        await until_async(lambda: len(answers(ann, ask["message"])) == 2, "Ann has two answers")
        equal(answers(ann, ask["message"]), ["room-joined"] * 2)
    await close_all(ann, *others)


@test("who may make no more rooms is told so where it makes one, and nowhere else")
async def _():
    with Server("--limit-new-rooms=1") as server:
        ann = await Client.connect(server)
        await ann.join("the one")
        again = await ann.return_to(server)
        for turn in range(30):
            ask = {"action": "join-room", "message": f"one more {turn}"}
            await asyncio.gather(ann.send(ask), again.send({**ask, "create": False}))
            await until_async(lambda: min(len(answers(each, ask["message"])) for each in (ann, again)) > turn,
                              "both are answered")
        equal([set(answers(each, "none")) for each in (ann, again)], [{"rate-limited"}, {"no-such-room"}])
        await close_all(ann, again)


async def deleted_elsewhere(server, other, name):
    """A room that runs here and that the other instance has just deleted; returns its id and who was in."""
    stay = await Client.connect(server, "Stay")
    room = await stay.join(name)
    owner = await stay.return_to(other)
    await owner.join(name)
    await done(owner, "delete-room", room)
    return room, stay, owner


@test("a room that another instance has just deleted is made anew for each request of a frame")
async def _(server):
    with Server(folder=server.folder) as other:
        for turn in range(4):
            name = f"deleted {turn}"
            ann = await Client.connect(server, "Ann")
            room, *people = await deleted_elsewhere(server, other, name)
            await ann.send(*({"action": "join-room", "message": name, "id": id} for id in "abc"))
            await until_async(lambda: len(answers(ann, name)) == 3, "each is answered")
            equal(answers(ann, name), ["room-joined"] * 3)
            equal(sorted(each["id"] for each in ann.has("room-joined")), ["a", "b", "c"])
            ids = {each["target"]["id"] for each in ann.has("room-joined")}
            assert len(ids) == 1 and room not in ids, ids
            await close_all(ann, *people)


@test("who joins such a room and leaves it in the same frame is answered, and in none")
async def _(server):
    with Server(folder=server.folder) as other:
        refused = 0
        for turn in range(10):
            name = f"left {turn}"
            ann = await Client.connect(server, "Ann")
            room, *people = await deleted_elsewhere(server, other, name)
            join = {"action": "join-room", "message": name}
            await ann.send(join, join, {"action": "leave-room", "message": room})
            await until_async(lambda: len(answers(ann, name)) == 2, "both are answered")
            if "no-such-room" in answers(ann, name):
                equal(answers(ann, name), ["no-such-room"] * 2)
                refused += 1
            else:  # it had gone here as well, so that what was left was another one
                await ann.expect("error", code="not-a-member", refused="leave-room")
            await close_all(ann, *people)
            if refused == 2:
                return
        raise AssertionError("the room was always gone before")


run()
