#!/usr/bin/python3 -B
"""The client's own id of a message: sending again is safe."""
from chat import *


@test("a repeated send is acknowledged with the first one's seq and ts, and delivered once")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("repeat")
    await bob.join("repeat")
    first = await ann.post(room, "once", "a")
    for _ in range(3):
        equal(await ann.post(room, "once", "a"), first)
    equal((await ann.post(room, "next", "b"))["seq"], 2)
    for each in ann, bob:
        await each.expect("send-message", seq=2)
        equal(len(each.has("send-message", message="once")), 1, f"deliveries to {each.name}")
    await ann.close()
    await bob.close()


@test("a repeat in the same frame, before any ack, is found as well")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("same frame")
    await ann.send(*[message(room, "once", "a")] * 5, message(room, "next", "b"))
    await ann.expect("message-ack", id="b", seq=2)
    await ann.expect("send-message", seq=2)
    equal([ack["seq"] for ack in ann.has("message-ack", id="a")], [1] * 5, "acks")
    equal(len(ann.has("send-message", message="once")), 1, "deliveries")
    await ann.close()


@test("id-conflict: the id of another text; nothing is stored of it")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("conflict")
    await ann.post(room, "this", "a")
    error = await ann.refused(message(room, "that", "a"), "id-conflict")
    equal((error["retry"], error["refused"], error["id"], error["target"]),
          (False, "send-message", "a", {"id": room}))
    equal((await ann.post(room, "next", "b"))["seq"], 2)
    await ann.expect("send-message", seq=2)
    equal(ann.has("send-message", message="that"), [])
    await ann.close()


@test("id-conflict within one frame: the first text is stored, the other refused")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("conflict in a frame")
    await ann.send(message(room, "this", "a"), message(room, "that", "a"), message(room, "c", "c"))
    await ann.expect("message-ack", id="c", seq=2)
    await ann.expect("error", code="id-conflict", id="a")
    equal(len(ann.has("message-ack", id="a")), 1)
    await ann.close()


@test("the same id by another sender, or in another room, is another message")
async def _(server):
    ann, bob = await connect_all(server, "Ann", "Bob")
    room = await ann.join("scope")
    other = await ann.join("another scope")
    await bob.join("scope")
    equal((await ann.post(room, "by ann", "a"))["seq"], 1)
    equal((await bob.post(room, "by bob", "a"))["seq"], 2)
    equal((await ann.post(other, "elsewhere", "a"))["seq"], 1)
    await ann.close()
    await bob.close()


@test("an id of 64 characters, of any script, is taken and comes back")
async def _(server):
    ann = await Client.connect(server)
    room = await ann.join("long ids")
    for id in "x" * 64, '"\\<>&\n', "0":
        ack = await ann.post(room, f"with {id}", id)
        equal((await ann.expect("send-message", seq=ack["seq"]))["id"], id)
    await ann.close()


@test("an id stays known after the room has stopped and the server has been restarted")
async def _():
    with Server("--room-grace=0") as server:
        ann = await Client.connect(server)
        room = await ann.join("stops")
        first = await ann.post(room, "once", "a")
        await ann.send({"action": "leave-room", "message": room})
        await until_async(lambda: server.metric("chatd_rooms") == 0, "the room has stopped")
        equal(await ann.join("stops"), room)
        equal(await ann.post(room, "once", "a"), first)
        equal((await ann.post(room, "next", "b"))["seq"], 2)
        await ann.close()


run()
