"""A device: a good client that sends with ids, resends what has no ack, and resumes its rooms."""
import asyncio
import contextlib
import json
import random
import re
import time
from urllib.parse import quote

import said
from history import Violation
from outbox import Outbox
from place import document
from rule import Rule
from sanctions import KINDS, now_ms
from websocket import Refused, WebSocket

CODES = {None, 1001, 1011, 1012, 1013}  # with which a server may end a good client's connection


class Device:
    """A user's device; the user has a token once one of its devices was welcomed."""

    def __init__(self, world, index, user, is_first, seed):
        self.world = world
        self.index = index
        self.user = user
        self.is_first = is_first
        self.random = random.Random(f"{seed}/device/{index}")
        self.receive_buffer = self.random.choice((None, None, 4096))
        self.places = []
        self.by_id = {}
        self.outbox = Outbox(self)
        self.rule = Rule(self)
        self.websocket = None
        self.welcomed = False
        self.online = {}
        self.resume_limit = None
        self.requests = 0
        self.away = asyncio.Event()  # set when there is no connection
        self.come_back = None
        self.instance = index

    # ---- the connection -------------------------------------------------------------------------

    async def run(self):
        pause = 0.05
        if not self.is_first:
            await self.user.known.wait()
        while True:
            self.come_back = None
            try:
                await self.connect()
                await self.talk()
            except Refused as refused:
                self.gone()
                self.world.counts[f"upgrades refused with {refused.status}"] += 1
                if refused.status != 503:
                    self.world.violated(Violation("refused", f"device {self.index}: {refused}"))
            except (OSError, TimeoutError):
                self.gone()  # it may have heard something already
                self.world.counts["connections not made"] += 1
            pause = 0.05 if self.welcomed else min(2 * pause, 1)
            self.welcomed = False
            self.instance = self.random.randrange(1000)
            await asyncio.sleep(self.come_back or self.random.uniform(0.5, 1) * pause)

    async def connect(self):
        headers, path = [], "/ws?"
        if not self.user.token:
            path += f"name={quote(self.user.name)}"
        elif self.random.random() < 0.5:
            path += f"bearer={self.user.token}"
        else:
            headers = [f"Authorization: Bearer {self.user.token}"]
        self.away.clear()
        port = self.world.instances[self.instance % len(self.world.instances)].port
        self.websocket = WebSocket(self, deflates=self.index % 2 == 1)
        await self.websocket.connect(port, path, headers, self.receive_buffer, 4 * self.world.patience)

    async def talk(self):
        """Until the connection has ended; twice a second or so looks what is to be done."""
        begun = time.monotonic()
        self.world.counts["connections"] += 1
        while not self.away.is_set():
            now = time.monotonic()
            if self.welcomed:
                self.look_after(now)
            elif now - begun > 10 * self.world.patience:
                self.hang_up("was not welcomed")
            if not self.websocket.paused:
                silence = now - self.websocket.heard
                if silence > 4 * self.world.patience:
                    self.hang_up("heard nothing")
                elif silence > 1:
                    self.websocket.ping()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2 + 0.1 * self.random.random()):
                    await self.away.wait()

    def look_after(self, now):
        for place in self.places:
            place.ask(now)
            place.fetch(now)
            if place.joined and not place.peer and self.random.random() < 0.002:
                place.leave()
            if place.joined and self.random.random() < 0.01:
                self.send(document("typing", target={"id": place.id}))
        self.outbox.look_after(now)
        self.rule.look_after(now, now_ms())

    def hang_up(self, why, code=None):
        """Gives the connection up; with a code as one that closes it."""
        if self.websocket and self.websocket.is_open and not self.away.is_set():
            self.world.counts[f"connections given up: {why}"] += 1
            self.websocket.close(code) if code else self.websocket.abandon()
            self.gone()

    def gone(self):
        self.away.set()
        self.online.clear()
        for place in self.places:
            place.ended()
        self.outbox.ended()
        self.rule.ended()

    def on_end(self, websocket):
        if websocket is not self.websocket:
            return
        self.world.closes[websocket.code] += 1
        if websocket.code not in CODES:
            self.world.violated(Violation("closed", f"device {self.index} was closed with {websocket.code} "
                                          f"{websocket.reason}"))
        if match := re.search(r"retry-ms=(\d+)", websocket.reason):
            self.come_back = int(match.group(1)) / 1000
        self.gone()

    def on_broken(self, websocket, why):
        self.world.violated(Violation("protocol", f"device {self.index} was sent {why}"))
        self.gone()

    def is_there(self):
        return self.welcomed and not self.away.is_set() and self.websocket and not self.websocket.ended

    def send(self, text):
        self.websocket.send(text)

    def cut(self, text, share):
        """The connection ends in the middle of the text's frame."""
        self.world.counts["connections given up: cut"] += 1
        self.websocket.cut(text, share)
        self.gone()

    # ---- what it is sent ------------------------------------------------------------------------

    def on_text(self, websocket, text):
        if websocket is not self.websocket or self.away.is_set():
            return
        for line in text.split("\n"):
            try:
                told = json.loads(line)
                getattr(self, "on_" + told["action"].replace("-", "_"))(told)
            except Violation as violation:
                self.world.violated(violation)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                self.world.violated(Violation(
                    "protocol", f"device {self.index} was sent what it does not understand "
                    f"({type(error).__name__}: {error})", [line[:500]]))

    def on_welcome(self, told):
        user = told["user"]
        if self.user.id is None:
            self.user.id = user["id"]
            self.user.token = told["token"]
            self.user.known.set()
            for device in self.world.devices:
                if device.user is self.user:
                    self.world.checker.senders[device.index].user = user["id"]
        if (user["id"], user["name"], told["token"]) != (self.user.id, self.user.name, self.user.token):
            raise Violation("identity", f"device {self.index} of {self.user.id} is welcomed as {user}")
        self.resume_limit = told["limits"]["resume"]
        self.welcomed = True
        for place in self.places:
            place.connected()
        self.look_after(time.monotonic())

    def on_user_join(self, told):
        user = told["sender"]
        if user["id"] in self.online:
            raise Violation("presence", f"device {self.index} is told twice that {user} is online")
        self.online[user["id"]] = user["name"]

    def on_user_left(self, told):
        user = told["sender"]
        if self.online.pop(user["id"], None) is None:
            raise Violation("presence", f"device {self.index} is told that {user} left, who was not online")

    def on_room_joined(self, told):
        key = told["target"]["name"]
        if told["target"]["private"]:
            key = next(each.key for each in self.places if each.peer and each.peer.id == told["sender"]["id"])
        place = next(each for each in self.places if each.key == key)
        place.on_joined(told)
        self.by_id[place.id] = place

    def on_send_message(self, told):
        place = self.by_id[told["target"]["id"]]
        if "seq" not in told:
            self.world.counts["notices"] += 1
        elif not place.left:
            if place.history.live(told["seq"]):
                self.world.counts["delivered"] += 1
            entry = said.entry_of(told)
            self.world.checker.received(self.index, place.room, entry)
            if place.role == "owner" and entry.kind == said.MESSAGE and entry.sender != self.user.id:
                self.outbox.foreign.append((place, said.identity(*said.parse(entry.id))))

    on_edit_message = on_delete_message = on_send_message

    def on_message_ack(self, told):
        device, number = map(int, told["id"].split("-"))
        if device != self.index:
            raise Violation("protocol", f"device {self.index} is told by an ack of {told['id']}")
        place = self.by_id[told["target"]["id"]]
        self.world.checker.acked(device, number, place.room, told["seq"])
        self.outbox.acked(number)

    def on_done(self, told):
        self.rule.done(told, now_ms())

    def on_room_changed(self, told):
        self.world.counts["rooms changed"] += told["target"]["id"] in self.by_id

    def on_room_left(self, told):
        place = self.by_id[told["target"]["id"]]
        kind = {"kicked": "not-a-member", "banned": "banned"}[told["reason"]]
        if not self.world.sanctions.explain(kind, place.room, self.user.id):
            raise Violation("put-out", f"device {self.index} is put out of {place.history.title}, and nobody ordered it",
                            [json.dumps(told, ensure_ascii=False)])
        self.world.counts[told["reason"]] += 1
        place.put_out()

    def on_history(self, told):
        self.by_id[told["target"]["id"]].on_page(told)

    def on_typing(self, told):
        self.world.counts["typing"] += told["target"]["id"] in self.by_id

    def on_error(self, told):
        self.world.errors[told["code"]] += 1
        refused = told.get("refused")
        place = self.by_id.get(told.get("target", {}).get("id"))
        is_late = told["code"] == "not-a-member" and place and place.was_put_out
        is_late = is_late or self.world.sanctions.explain(told["code"], place and place.room, self.user.id)
        is_gone = told["code"] == "no-such-message" and refused in said.ACTIONS
        if is_gone:
            self.outbox.refused_for_good(int(told["id"].split("-")[1]))
        elif not told["retry"] and not is_late:
            raise Violation("refused", f"device {self.index} is refused for good",
                            [json.dumps(told, ensure_ascii=False)])
        elif refused in said.ACTIONS:
            self.outbox.refused(int(told["id"].split("-")[1]))
        elif refused in KINDS:
            self.rule.refused(told, time.monotonic())
        elif refused in ("join-room", "join-room-private") and place and place.joined:
            place.put_out()
        for each in self.places:
            if refused in ("join-room", "join-room-private"):
                each.again_later()
            elif refused == "history":
                each.fetch_later()

    # ---- at the end -----------------------------------------------------------------------------

    def lacks(self, last_of):
        """What is missing until it has all there is; `last_of` is by room index."""
        lacks = [] if self.is_there() else [f"device {self.index} is not connected"]
        for place in self.places:
            what = place.history.lacks(last_of.get(place.room, 0))
            if what or not place.joined:
                lacks.append(f"{place.history.title} " + (what or "is not in it now"))
        if self.outbox.posts:
            lacks.append(f"device {self.index} has no ack for {list(self.outbox.posts)[:10]}")
        if self.rule.orders:
            lacks.append(f"device {self.index} has no answer to {list(self.rule.orders)}")
        return lacks
