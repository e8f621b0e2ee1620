"""What must hold over all that was sent, acknowledged, received and stored.

Everything is compared as it comes, so that a message costs a few bytes, however many hear it. What
is wrong raises a Violation. Devices and rooms are numbers here: indices into `senders` and `rooms`.
"""
from array import array

import said
from history import Violation


class Sender:
    """A device's messages: number N is at index N of each array."""

    def __init__(self, user=None):
        self.user = user  # id
        self.room = array("H", [0])
        self.seq = array("Q", [0])  # where it was seen first, 0: not yet
        self.acked = bytearray(1)
        self.stored = bytearray(1)

    def count(self):
        return len(self.room) - 1


class Room:
    """The one order. SEQ's message and who told of it first are at index SEQ."""

    def __init__(self, name):
        self.name = name
        self.order = array("Q", [0])
        self.witness = array("H", [0])  # the device's index * 2, + 1 when it was by an ack

    def at(self, seq):
        return self.order[seq] if seq < len(self.order) else 0

    def set(self, seq, identity, witness):
        if missing := seq + 1 - len(self.order):
            if missing > 0:
                self.order.frombytes(bytes(8 * missing))
                self.witness.frombytes(bytes(2 * missing))
        self.order[seq] = identity
        self.witness[seq] = witness

    def told(self, seq):
        """Who told of SEQ first, for people."""
        how = "was told by an ack" if self.witness[seq] & 1 else "got"
        return (f"device {self.witness[seq] >> 1} {how}: {self.name} {seq} is "
                f"{said.name(self.order[seq])}")


class Checker:
    def __init__(self):
        self.senders = []
        self.rooms = []
        self.sent_count = 0
        self.acked_count = 0

    def add_sender(self, user=None):
        self.senders.append(Sender(user))

    # ---- as it happens ------------------------------------------------------------------------

    def sent(self, device, room):
        """Returns the new message's number."""
        sender = self.senders[device]
        sender.room.append(room)
        sender.seq.append(0)
        sender.acked.append(0)
        sender.stored.append(0)
        self.sent_count += 1
        return sender.count()

    def acked(self, device, number, room, seq):
        """Whether it is the first ack of this message."""
        line = f"device {device} was told by an ack: {self.rooms[room].name} {seq} is {device}-{number}"
        self._known(device, number, room, line)
        self._place(device, device, number, room, seq, 1, line)
        first = not self.senders[device].acked[number]
        self.senders[device].acked[number] = 1
        self.acked_count += first
        return first

    def received(self, device, room, seq, sender_id, id, text):
        """A message that the device got, live or through `history`."""
        line = f"device {device} got: {self.rooms[room].name} {seq} is {text[:40]!r}"
        who, number = self._genuine(room, sender_id, id, text, line)
        self._place(device, who, number, room, seq, 0, line)

    def _genuine(self, room, sender_id, id, text, line):
        """What was sent, unchanged, by whom it is said to be, to this room."""
        found = said.parse(text)
        if not found or found[0] >= len(self.senders):
            raise Violation("never-sent", "nobody has sent this", [line])
        who, number = found
        self._known(who, number, room, line)
        if text != said.text_of(who, number) or sender_id != self.senders[who].user \
                or id != said.client_id(who, number):
            raise Violation("never-sent", "a message is not as it was sent",
                            [line, f"sender {sender_id}, id {id}; sent by {self.senders[who].user}"])
        return who, number

    def _known(self, device, number, room, line):
        sender = self.senders[device]
        if not 0 < number <= sender.count():
            raise Violation("never-sent", "nobody has sent this yet", [line])
        if sender.room[number] != room:
            raise Violation("never-sent", "a message is in another room than it was sent to",
                            [line, f"sent to {self.rooms[sender.room[number]].name}"])

    def _place(self, device, who, number, room, seq, by_ack, line):
        """The message has this number, and no other; this number is this message's, for all."""
        there = self.rooms[room]
        identity = said.identity(who, number)
        known = there.at(seq)
        if known and known != identity:
            raise Violation("order", f"message {seq} of {there.name} is not the same for all",
                            [there.told(seq), line])
        sender = self.senders[who]
        if sender.seq[number] and sender.seq[number] != seq:
            raise Violation("twice", f"message {who}-{number} has two numbers",
                            [there.told(sender.seq[number]), line])
        if not known:
            sender.seq[number] = seq
            there.set(seq, identity, device * 2 + by_ack)

    # ---- at the end ---------------------------------------------------------------------------

    def stored(self, room, rows):
        """A room as the repository has it: (seq, sender id, id, text) by seq. Returns the last seq."""
        there = self.rooms[room]
        last = 0
        for seq, sender_id, id, text in rows:
            line = f"the repository has: {there.name} {seq} is {text[:40]!r}"
            if seq != last + 1:
                raise Violation("numbers", f"{there.name} has no {last + 1} in the repository", [line])
            last = seq
            who, number = self._genuine(room, sender_id, id, text, line)
            identity = said.identity(who, number)
            if self.senders[who].stored[number]:
                raise Violation("twice", f"message {who}-{number} is stored twice",
                                [f"stored before as {self.senders[who].seq[number]}", line])
            self.senders[who].stored[number] = 1
            if there.at(seq) and there.at(seq) != identity:
                raise Violation("order", f"message {seq} of {there.name} is another one in the repository",
                                [there.told(seq), line])
            self.senders[who].seq[number] = seq
        for seq in range(last + 1, len(there.order)):
            if there.order[seq]:
                raise Violation("lost", f"message {seq} of {there.name} is not in the repository",
                                [there.told(seq), f"the repository's last one is {last}"])
        return last

    def all_acked(self):
        """After stored(): each message that was sent was acknowledged, and each of those is there."""
        for device, sender in enumerate(self.senders):
            for number in range(1, sender.count() + 1):
                name = self.rooms[sender.room[number]].name
                if not sender.acked[number]:
                    raise Violation("no-ack", f"message {device}-{number} was never acknowledged",
                                    [f"sent to {name}; stored: {bool(sender.stored[number])}"])
                if not sender.stored[number]:
                    raise Violation("lost", f"message {device}-{number} was acknowledged and is gone",
                                    [f"acknowledged as {name} {sender.seq[number]}"])
