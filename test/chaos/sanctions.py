"""Who was kicked, banned and muted, when, as those know who ordered it: what is stored keeps to it."""
import time

from history import Violation
from said import DELETE

KINDS = ("kick", "ban", "mute")
SECONDS = 2  # that each ban and mute holds; the same for all, so that a repeated one never shortens another
EXPLAINS = {"banned": ("ban",), "muted": ("mute",), "not-a-member": ("kick", "ban")}
LATE = 20  # seconds for which an order may still be under way, on an instance that is stopped


def now_ms():
    """As the server's `ts`: all are on this machine."""
    return time.time() * 1000


class Sanction:
    def __init__(self, kind):
        self.kind = kind
        self.sent = None  # ms, first
        self.done = None  # ms, when that was told

    def holds(self, ts, entry_kind):
        """Whether nothing of this kind may have been written at that time."""
        if self.done is None or self.kind == "kick" or (self.kind == "mute" and entry_kind == DELETE):
            return False
        # Both clocks are rounded.
        return self.done + 2 < ts < self.sent + SECONDS * 1000 - 2


class Sanctions:
    def __init__(self, patience=1):
        self.late_ms = (LATE * patience + SECONDS) * 1000
        self.by_user = {}  # (room, user's id): those ordered

    def add(self, room, user, kind):
        sanction = Sanction(kind)
        self.by_user.setdefault((room, user), []).append(sanction)
        return sanction

    def explain(self, code, room, user, now=None):
        """Whether this user may be refused with that code in the room, or in any with None."""
        now = now_ms() if now is None else now
        return any(each.kind in EXPLAINS.get(code, ()) and each.sent is not None
                   and (each.done is None or now < each.done + self.late_ms)
                   for (where, who), all_of in self.by_user.items() if who == user and room in (None, where)
                   for each in all_of)

    def check(self, room, entry, ts, name):
        """An entry of the repository."""
        for each in self.by_user.get((room, entry.sender), ()):
            if each.holds(ts, entry.kind):
                raise Violation("overstepped", f"{name} {entry.seq} is of a user who may not write: {each.kind}",
                                [f"written at {ts}, {ts - each.done:.0f} ms after the {each.kind} was done, by {entry.id}",
                                 f"ordered {each.done - each.sent:.0f} ms before that, for {SECONDS} s"])
