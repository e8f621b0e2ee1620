"""What the parts of a run share: its rooms and users, its counts, and the first violation."""
import asyncio
import time
from collections import Counter

from checker import Checker, Room
from history import Violation
from sanctions import Sanctions


class User:
    def __init__(self, index):
        self.name = f"User {index}"
        self.id = None
        self.token = None
        self.known = asyncio.Event()  # set with the first welcome


class World:
    def __init__(self, patience=1):
        self.start = time.monotonic()
        self.patience = patience
        self.checker = Checker()
        self.sanctions = Sanctions(patience)
        self.is_quiet = True  # nobody says or orders anything new
        self.counts = Counter()
        self.closes = Counter()  # by code
        self.errors = Counter()  # by code
        self.instances = []
        self.devices = []
        self.rooms = {}  # by name, or by the frozenset of a pair's indices: index
        self.ids = {}  # of rooms, by index
        self.violations = []
        self.failed = asyncio.Event()
        self.steps = []  # what was done to it, for people

    def now(self):
        return time.monotonic() - self.start

    def step(self, what):
        self.steps.append(f"{self.now():9.3f} {what}")
        del self.steps[:-200]

    def violated(self, violation):
        self.violations.append((self.now(), violation))
        self.failed.set()

    def add_room(self, key, name):
        self.rooms[key] = len(self.checker.rooms)
        self.checker.rooms.append(Room(name))

    def room(self, key, id):
        """The room's index; its id has to be the same for all, for ever."""
        index = self.rooms[key]
        if self.ids.setdefault(index, id) != id:
            raise Violation("rooms", f"{self.checker.rooms[index].name} is two rooms: {id} and {self.ids[index]}")
        return index
