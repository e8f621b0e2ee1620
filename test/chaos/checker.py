"""What must hold over all that was sent, acknowledged, received and stored.

Everything is compared as it comes, so that a message costs a few bytes, however many hear it. What
is wrong raises a Violation. Devices and rooms are numbers here: indices into `senders` and `rooms`.
"""
from array import array

import said
from changes import Changes
from history import Violation
from said import DELETE, EDIT, MESSAGE


class Sender:
    """What a device has sent, messages, edits and deletes: number N is at index N of each array."""

    def __init__(self, user=None):
        self.user = user  # id
        self.room = array("H", [0])
        self.seq = array("Q", [0])  # where it was seen first, 0: not yet
        self.kind = bytearray(1)
        self.about = array("Q", [0])  # the identity of what is edited or deleted
        self.acked = bytearray(1)
        self.refused = bytearray(1)  # for good
        self.stored = bytearray(1)

    def count(self):
        return len(self.room) - 1


class Room:
    """The one order. SEQ's message and who told of it first are at index SEQ."""

    def __init__(self, name):
        self.name = name
        self.order = array("Q", [0])
        self.witness = array("H", [0])  # the device's index * 2, + 1 when it was by an ack
        self.changes = Changes()

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
        if not self.at(seq):
            return f"nobody told of {self.name} {seq}"
        how = "was told by an ack" if self.witness[seq] & 1 else "got"
        return (f"device {self.witness[seq] >> 1} {how}: {self.name} {seq} is "
                f"{said.name(self.order[seq])}")


class Checker:
    def __init__(self):
        self.senders = []
        self.rooms = []
        self.sent_count = 0
        self.acked_count = 0
        self.refused_count = 0
        self.deleting = {}  # by the identity of a message: how many deletes of it were sent

    def add_sender(self, user=None):
        self.senders.append(Sender(user))

    # ---- as it happens ------------------------------------------------------------------------

    def sent(self, device, room, kind=MESSAGE, about=0):
        """Returns the new message's number; that of an edit or a delete of the message `about`."""
        sender = self.senders[device]
        sender.room.append(room)
        sender.seq.append(0)
        sender.kind.append(kind)
        sender.about.append(about)
        for each in sender.acked, sender.refused, sender.stored:
            each.append(0)
        if kind == DELETE:
            self.deleting[about] = self.deleting.get(about, 0) + 1
        self.sent_count += 1
        return sender.count()

    def refused(self, device, number, room):
        """For good, as there is no such message any more: true of what somebody deletes."""
        sender = self.senders[device]
        line = f"device {device} was refused: {device}-{number} about {said.name(sender.about[number])}"
        self._known(device, number, room, line)
        others = self.deleting.get(sender.about[number], 0) - (sender.kind[number] == DELETE)
        if sender.kind[number] == MESSAGE or others <= 0 or sender.acked[number]:
            raise Violation("refused", "a change of what nobody deletes is refused for good", [line])
        self.refused_count += not sender.refused[number]
        sender.refused[number] = 1

    def acked(self, device, number, room, seq):
        """Whether it is the first ack of this message."""
        line = f"device {device} was told by an ack: {self.rooms[room].name} {seq} is {device}-{number}"
        self._known(device, number, room, line)
        if self.senders[device].refused[number]:
            raise Violation("refused", f"message {device}-{number} was refused for good before", [line])
        self._place(device, device, number, room, seq, 1, line)
        first = not self.senders[device].acked[number]
        self.senders[device].acked[number] = 1
        self.acked_count += first
        return first

    def received(self, device, room, entry, known=0):
        """An entry that the device got, live or by `history`; all up to `known` it had when it asked."""
        line = f"device {device} got: {self._shown(room, entry)}"
        who, number = self._genuine(device, room, entry, line)
        self._place(device, who, number, room, entry.seq, 0, line)
        self.rooms[room].changes.check_as_of(entry, known, line)

    def _shown(self, room, entry):
        state = f", edited by {entry.edited}" if entry.edited else f", deleted by {entry.deleted}" if entry.deleted else ""
        what = ("is {!r}", "edits {} to {!r}", "deletes {}")[entry.kind]
        about = [entry.of] * (entry.kind != MESSAGE) + [entry.text[:40]]
        return f"{self.rooms[room].name} {entry.seq} {what.format(*about)}{state}"

    def _genuine(self, device, room, entry, line):
        """What was sent, unchanged but by edits and deletes, by whom it is said to be, to this room."""
        found = said.parse(entry.id)
        if not found or found[0] >= len(self.senders):
            raise Violation("never-sent", "nobody has sent this", [line])
        who, number = found
        self._known(who, number, room, line)
        sender = self.senders[who]
        is_same = entry.id == said.client_id(who, number) and entry.sender == sender.user \
            and entry.kind == sender.kind[number]
        if is_same and entry.kind != MESSAGE:
            writer, message = said.identified(sender.about[number])
            is_same = self.senders[writer].seq[message] == entry.of
        if not is_same or entry.text != self._text_now(device, who, number, room, entry, line):
            raise Violation("never-sent", "a message is not as it was sent",
                            [line, f"sender {entry.sender}, id {entry.id}; sent by {sender.user}"])
        return who, number

    def _text_now(self, device, who, number, room, entry, line):
        """What the entry's text has to be, as it says that it was edited or deleted; that is noted, too."""
        there = self.rooms[room]
        if entry.deleted:
            target = entry.seq if entry.kind == MESSAGE else entry.of
            writer, delete = said.identified(there.at(entry.deleted))
            is_other = there.at(entry.deleted) and self.senders[writer].kind[delete] != DELETE
            if is_other or not there.changes.claim_delete(entry.deleted, target):
                raise Violation("order", f"{entry.deleted} of {there.name} is said to delete another one", [line])
            return ""
        if entry.kind == DELETE:
            return ""
        if not entry.edited:
            return said.text_of(who, number)
        editor, edit = said.parse(entry.text) or (who, 0)
        self._known(editor, edit, room, line)
        sender = self.senders[editor]
        if sender.kind[edit] != EDIT or sender.about[edit] != said.identity(who, number) or entry.kind != MESSAGE:
            raise Violation("never-sent", "nobody has edited the message to this", [line])
        self._place(device, editor, edit, room, entry.edited, 0, line)
        return said.text_of(editor, edit)

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
        self._change(who, number, there, seq, line)

    def _change(self, who, number, there, seq, line):
        sender = self.senders[who]
        if sender.kind[number] == MESSAGE:
            right = seq not in there.changes.claimed
        else:
            writer, message = said.identified(sender.about[number])
            target = self.senders[writer].seq[message]
            right = there.changes.add(seq, sender.kind[number], target)
            right = right and (sender.kind[number] == DELETE or seq not in there.changes.claimed)
        if not right:
            raise Violation("order", f"{seq} of {there.name} was said to delete another one", [there.told(seq), line])

    # ---- at the end ---------------------------------------------------------------------------

    def stored(self, room, entries):
        """A room as the repository has it, by seq. Returns the last seq."""
        there = self.rooms[room]
        last = 0
        for entry in entries:
            seq = entry.seq
            line = f"the repository has: {self._shown(room, entry)}"
            if seq != last + 1:
                raise Violation("numbers", f"{there.name} has no {last + 1} in the repository", [line])
            last = seq
            who, number = self._genuine(0, room, entry, line)
            identity = said.identity(who, number)
            if self.senders[who].stored[number]:
                raise Violation("twice", f"message {who}-{number} is stored twice",
                                [f"stored before as {self.senders[who].seq[number]}", line])
            if self.senders[who].refused[number]:
                raise Violation("refused", f"message {who}-{number} was refused for good and is stored", [line])
            self.senders[who].stored[number] = 1
            if there.at(seq) and there.at(seq) != identity:
                raise Violation("order", f"message {seq} of {there.name} is another one in the repository",
                                [there.told(seq), line])
            self.senders[who].seq[number] = seq
            self._change(who, number, there, seq, line)
            there.changes.store(entry, line)
            if entry.edited or entry.deleted:
                there.changes.stored_changed[seq] = entry.edited or entry.deleted
        there.changes.check_stored(there.name)
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
                if sender.refused[number]:
                    continue
                if not sender.acked[number]:
                    raise Violation("no-ack", f"message {device}-{number} was never acknowledged",
                                    [f"sent to {name}; stored: {bool(sender.stored[number])}"])
                if not sender.stored[number]:
                    raise Violation("lost", f"message {device}-{number} was acknowledged and is gone",
                                    [f"acknowledged as {name} {sender.seq[number]}"])
