#!/usr/bin/python3 -B
"""A client exactly as the chat tutorial's that this project continues, which knows nothing newer."""
from chat import *


class TutorialClient:
    """What the tutorial's page does with what comes, step by step."""

    def __init__(self, client):
        self.client = client
        self.users = {}
        self.rooms = {}
        self.done = 0

    @classmethod
    async def connect(cls, server, name):
        return cls(await Client.connect(server, name))

    def handle(self):
        while self.done < len(self.client.received):
            document = self.client.received[self.done]
            self.done += 1
            action = document["action"]
            if action == "send-message":
                if room := self.rooms.get(document["target"]["id"]):
                    sender = document.get("sender")
                    room["messages"].append((sender and sender["name"], document["message"]))
            elif action == "user-join":
                self.users.setdefault(document["sender"]["id"], document["sender"]["name"])
            elif action == "user-left":
                self.users.pop(document["sender"]["id"], None)
            elif action == "room-joined":
                target = document["target"]
                name = document["sender"]["name"] if target["private"] else target["name"]
                self.rooms[target["id"]] = {"name": name, "messages": []}

    async def until(self, condition, what):
        def look():
            self.handle()
            return condition()

        return await until_async(look, what)

    def room(self, name):
        return next((id for id, room in self.rooms.items() if room["name"] == name), None)

    async def join(self, name):
        await self.client.send({"action": "join-room", "message": name})
        return await self.until(lambda: self.room(name), f"in {name}")

    async def say(self, room, text):
        await self.client.send({"action": "send-message", "message": text,
                                "target": {"id": room, "name": self.rooms[room]["name"]}})

    def texts(self, room):
        return [each for each in self.rooms[room]["messages"] if each[0]]


@test("two tutorial clients see each other, talk in a room, and one leaves")
async def _(server):
    ann = await TutorialClient.connect(server, "Ann")
    bob = await TutorialClient.connect(server, "Bob")
    for each in ann, bob:
        await each.until(lambda: sorted(each.users.values()) == ["Ann", "Bob"], "both are online")
    room = await ann.join("tutorial")
    equal(await bob.join("tutorial"), room)
    await ann.until(lambda: (None, "Bob joined the room") in ann.rooms[room]["messages"], "notice")
    for i in range(20):
        await (ann, bob)[i % 2].say(room, f"line {i}")
        for each in ann, bob:
            await each.until(lambda: len(each.texts(room)) == i + 1, f"line {i}")
    equal(ann.texts(room), bob.texts(room))
    equal(ann.texts(room), [(("Ann", "Bob")[i % 2], f"line {i}") for i in range(20)])
    equal(ann.client.has("message-ack"), [], "acks that it would not understand")
    await bob.client.send({"action": "leave-room", "message": room})
    await ann.until(lambda: (None, "Bob left the room") in ann.rooms[room]["messages"], "notice")
    await bob.client.close()
    await ann.until(lambda: list(ann.users.values()) == ["Ann"], "Bob is gone")
    await ann.client.close()


@test("several documents share a frame, separated by a newline, and no frame is empty")
async def _(server):
    first = await connect_all(server, *[f"User {i}" for i in range(30)])
    late = await Client.connect(server, "Late")
    equal(len(late.has("user-join")), 31, "users listed")
    equal(len([f for f in late.frames if "user-join" in f]) < 31, True, "fewer frames than users")
    assert not any(frame.strip() == "" for frame in late.frames), late.frames
    for each in (*first, late):
        await each.close()


@test("a private chat: both get the room under the other one's name")
async def _(server):
    ann = await TutorialClient.connect(server, "Ann")
    bob = await TutorialClient.connect(server, "Bob")
    await ann.client.send({"action": "join-room-private", "message": bob.client.id})
    room = await ann.until(lambda: ann.room("Bob"), "Ann's private room")
    equal(await bob.until(lambda: bob.room("Ann"), "Bob's private room"), room)
    await bob.say(room, "psst")
    await ann.until(lambda: ann.texts(room) == [("Bob", "psst")], "the message")
    await ann.client.close()
    await bob.client.close()


run()
