"""A device's place in one room: joining it and coming back, and fetching what was left out."""
import json
import time

import said
from history import History

ANSWER = 8  # seconds after which a request counts as lost


def document(action, **fields):
    return json.dumps({"action": action, **fields}, ensure_ascii=False)


class Place:
    """A room known by its name, or a private one known by the other user, who is `peer` then.

    With `asks` the device opens a private room itself; else it waits for the invitation at first.
    """

    def __init__(self, device, key, title, name=None, peer=None, asks=True, from_start=False):
        self.device = device
        self.key = key
        self.name = name
        self.peer = peer
        self.asks = asks
        self.from_start = from_start
        self.room = None  # index
        self.id = None
        self.history = History(f"device {device.index} in {title}", device.world.now)
        self.joined = False  # on the present connection
        self.role = None  # what the user is in it, of the last time
        self.left = False  # what still comes is not looked at
        self.was_put_out = False
        self.asked = None  # the `since` of the request under way
        self.ask_at = 0
        self.fetch_at = 0
        self.page = None  # (id, after, before, limit, known) of the request under way

    def connected(self):
        """Comes back with a new connection."""
        now = time.monotonic()
        self.joined = self.left = self.was_put_out = False
        self.asked = self.page = None
        waits = self.peer and (not self.asks if not self.history.begun else self.device.random.random() < 0.3)
        self.ask_at = now + 2 if waits else now
        self.fetch_at = now

    def ended(self):
        self.joined = False
        self.asked = None
        self.page = None
        self.history.ended()

    # ---- joining --------------------------------------------------------------------------------

    def ask(self, now):
        if self.joined or now < self.ask_at or (self.peer and not self.peer.id):
            return
        self.ask_at = now + ANSWER
        fields = {}
        if self.history.begun:
            fields["since"] = self.asked = self.history.last
        elif self.from_start:
            fields["since"] = self.asked = 0
        if self.peer:
            self.device.send(document("join-room-private", message=self.peer.id, **fields))
        else:
            self.device.send(document("join-room", message=self.name, **fields))
        if self.history.begun:
            self.device.world.counts["resumes asked for"] += 1

    def again_later(self):
        """A request to join was refused for now, and it does not say which."""
        if not self.joined:
            self.ask_at = min(self.ask_at, time.monotonic() + self.device.random.uniform(0.2, 1))

    def on_joined(self, told):
        target = told["target"]
        self.room = self.device.world.room(self.key, target["id"])
        self.id = target["id"]
        counts = self.device.world.counts
        since, truncated = told.get("since"), told.get("truncated", False)
        was_begun, holes = self.history.begun, len(self.history.holes)
        if not self.joined and since is not None:
            counts["resumed" if was_begun else "begun with since"] += 1
            counts["truncated"] += truncated
            counts["unasked"] += self.asked != since and not truncated
        # An invitation may cross the request; what it leaves out or brings again is no surprise.
        is_whole = not truncated or since <= (self.asked or 0)
        invited = self.peer and since is not None and since != self.asked and is_whole
        self.history.joined(None if invited else self.asked, since, told["lastSeq"], truncated,
                            self.device.resume_limit)
        counts["holes to fetch"] += len(self.history.holes) - holes
        self.joined = True
        self.role = told.get("role")
        self.left = False
        self.device.outbox.flush(self)

    def put_out(self):
        """It is not in the room any more, nor is what it says there heard: it was put out, or what was
        missed could not be read."""
        self.device.world.counts["put out of a room"] += 1
        self.was_put_out = True
        self.ended()

    def leave(self):
        """Goes and comes back on the same connection."""
        self.device.send(document("leave-room", message=self.id))
        self.device.world.counts["left and came back"] += 1
        self.history.ended()
        self.joined = False
        self.left = True
        self.ask_at = 0

    # ---- history --------------------------------------------------------------------------------

    def fetch(self, now):
        """The next piece of what is missing."""
        if not self.joined or now < self.fetch_at:
            return
        random = self.device.random
        if self.history.holes:
            first, last = self.history.holes[0]
            after, before = (first - 1, None) if random.random() < 0.5 else (None, last + 1)
            limit = random.choice((None, 200, 1000))
        elif random.random() < 0.01 and self.history.last:
            after = random.randint(0, self.history.last) if random.random() < 0.4 else None
            before = random.randint(1, self.history.last + 1) if after is None and random.random() < 0.8 else None
            limit = random.choice((1, 10, None))
        else:
            return
        self.fetch_at = now + ANSWER
        self.device.requests += 1
        self.page = (f"h{self.device.requests}", after, before, limit, self.history.last)
        fields = {"after": after, "before": before, "limit": limit}
        self.device.send(document("history", target={"id": self.id}, id=self.page[0],
                                  **{key: value for key, value in fields.items() if value is not None}))

    def fetch_later(self):
        self.page = None
        self.fetch_at = time.monotonic() + self.device.random.uniform(0.2, 1)

    def on_page(self, told):
        if self.page is None or told.get("id") != self.page[0]:
            return  # of a request that was given up
        _, after, before, limit, known = self.page
        self.fetch_at = 0
        self.page = None
        device = self.device
        device.world.counts["pages of history"] += 1
        for each in told["messages"]:
            device.world.checker.received(device.index, self.room, said.entry_of(each), known)
        missing = sum(b - a + 1 for a, b in self.history.holes)
        self.history.page(after, before, min(limit or 50, 200), [each["seq"] for each in told["messages"]],
                          told["more"], known)
        device.world.counts["fetched"] += missing - sum(b - a + 1 for a, b in self.history.holes)
        self.fetch(time.monotonic())
