#!/usr/bin/python3 -B
"""The checker of test/chaos on histories made by hand: what is in order passes, and each kind of
violation is found, with the part of the histories that shows it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))

import said
from chat import equal, run, test
from checker import Checker, Room
from faults import KINDS, schedule
from history import History, Violation
from said import DELETE, EDIT, MESSAGE, Entry
from sanctions import SECONDS, Sanctions

ANN, BOB = 0, 1  # devices
LOBBY, ATTIC = 0, 1  # rooms


def checker(*rooms_of_sent):
    """Ann has sent her messages 1, 2 … to these rooms; Bob has sent one to the lobby."""
    made = Checker()
    made.add_sender("ann")
    made.add_sender("bob")
    made.rooms += [Room("lobby"), Room("attic")]
    for room in rooms_of_sent:
        made.sent(ANN, room)
    made.sent(BOB, LOBBY)
    return made


def row(seq, who, number, text=None, id=None, user=None, **changes):
    """A message as the repository has it, and as a device gets it."""
    return Entry(seq, user or ("ann", "bob")[who], id or said.client_id(who, number),
                 said.text_of(who, number) if text is None else text, **changes)


def hears(made, device, seq, who, number, room=LOBBY, known=0, **changes):
    made.received(device, room, row(seq, who, number, **changes), known)


def found(kind, function, *arguments, shows=(), **named):
    """The call is a violation of this kind, and its evidence has these lines, and few others."""
    try:
        function(*arguments, **named)
    except Violation as violation:
        equal(violation.kind, kind, f"kind of {violation}")
        for line in shows:
            assert any(line in each for each in violation.evidence), f"no {line!r} in {violation.evidence}"
        assert len(violation.evidence) <= 4, violation.evidence
        return
    raise AssertionError(f"no {kind} was found")


# ---- all together ---------------------------------------------------------------------------------


@test("a history that is in order: live, acked, repeated, stored")
def _():
    made = checker(LOBBY, LOBBY, ATTIC)
    hears(made, BOB, 1, ANN, 1)
    equal(made.acked(ANN, 1, LOBBY, 1), True, "the first ack")
    equal(made.acked(ANN, 1, LOBBY, 1), False, "the ack of a repeat")
    made.acked(ANN, 2, LOBBY, 3)
    for device in ANN, BOB:
        hears(made, device, 2, BOB, 1)
        hears(made, device, 3, ANN, 2)
    made.acked(BOB, 1, LOBBY, 2)
    hears(made, ANN, 1, ANN, 3, room=ATTIC)
    made.acked(ANN, 3, ATTIC, 1)
    equal(made.stored(LOBBY, [row(1, ANN, 1), row(2, BOB, 1), row(3, ANN, 2)]), 3)
    equal(made.stored(ATTIC, [row(1, ANN, 3)]), 1)
    made.all_acked()
    equal((made.sent_count, made.acked_count), (4, 4))


@test("lost: acknowledged, and not in the repository")
def _():
    made = checker(LOBBY, LOBBY)
    for number in 1, 2:
        made.acked(ANN, number, LOBBY, number)
    found("lost", made.stored, LOBBY, [row(1, ANN, 1)],
          shows=["device 0 was told by an ack: lobby 2 is 0-2", "the repository's last one is 1"])
    found("lost", made.all_acked, shows=["acknowledged as lobby 2"])


@test("lost: heard by somebody, and not in the repository")
def _():
    made = checker(LOBBY)
    hears(made, BOB, 1, ANN, 1)
    found("lost", made.stored, LOBBY, [], shows=["device 1 got: lobby 1 is 0-1"])


@test("lost: an ack whose number went to another message")
def _():
    made = checker(LOBBY)
    made.acked(ANN, 1, LOBBY, 1)
    found("order", hears, made, ANN, 1, BOB, 1,
          shows=["was told by an ack: lobby 1 is 0-1", "lobby 1 is '1-1 "])
    made = checker(LOBBY)
    made.acked(ANN, 1, LOBBY, 1)
    found("order", made.stored, LOBBY, [row(1, BOB, 1)], shows=["the repository has: lobby 1 is '1-1 "])


@test("never acknowledged, at the end")
def _():
    made = checker(LOBBY)
    made.acked(BOB, 1, LOBBY, 1)
    made.stored(LOBBY, [row(1, BOB, 1), row(2, ANN, 1)])
    found("no-ack", made.all_acked, shows=["sent to lobby; stored: True"])


@test("order: two devices hear different messages under one number")
def _():
    made = checker(LOBBY, LOBBY)
    hears(made, ANN, 1, ANN, 1)
    found("order", hears, made, BOB, 1, ANN, 2,
          shows=["device 0 got: lobby 1 is 0-1", "device 1 got: lobby 1 is '0-2 "])


@test("order: all devices agree, and the repository does not")
def _():
    made = checker(LOBBY, LOBBY)
    for device in ANN, BOB:
        hears(made, device, 1, ANN, 2)
    found("order", made.stored, LOBBY, [row(1, ANN, 1)], shows=["got: lobby 1 is 0-2", "the repository has: lobby 1"])


@test("twice: one message under two numbers, heard, acknowledged or stored")
def _():
    made = checker(LOBBY)
    hears(made, BOB, 1, ANN, 1)
    found("twice", hears, made, BOB, 2, ANN, 1, shows=["device 1 got: lobby 1 is 0-1", "lobby 2 is '0-1 "])
    found("twice", made.acked, ANN, 1, LOBBY, 2, shows=["device 0 was told by an ack: lobby 2"])
    made = checker(LOBBY)
    found("twice", made.stored, LOBBY, [row(1, ANN, 1), row(2, ANN, 1)], shows=["lobby 2 is '0-1 "])


@test("numbers: a hole in the repository, at the start and later")
def _():
    found("numbers", checker(LOBBY).stored, LOBBY, [row(2, ANN, 1)])
    found("numbers", checker(LOBBY, LOBBY).stored, LOBBY, [row(1, ANN, 1), row(3, ANN, 2)],
          shows=["lobby 3 is '0-2 "])


@test("never sent: unknown, not sent yet, changed, by somebody else, with another id, in another room")
def _():
    for changes in ({"text": "boo"}, {"text": "9-1 boo"}, {"text": "0-2 boo"}, {"text": "0-1 boo"},
                    {"text": said.text_of(ANN, 1) + " "}, {"user": "bob"}, {"id": "0-7"}, {"room": ATTIC}):
        found("never-sent", hears, checker(LOBBY), BOB, 1, ANN, 1, **changes)
    found("never-sent", checker(LOBBY).stored, LOBBY, [row(1, ANN, 2)])
    found("never-sent", checker(LOBBY).acked, ANN, 2, LOBBY, 1)
    found("never-sent", checker(LOBBY).acked, ANN, 1, ATTIC, 1)


# ---- edits and deletes ----------------------------------------------------------------------------


def edited(deletes=False):
    """Ann's first message is the lobby's 1; her second one edits it, and her third one too, or deletes it."""
    made = checker(LOBBY)
    made.acked(ANN, 1, LOBBY, 1)
    made.sent(ANN, LOBBY, EDIT, said.identity(ANN, 1))
    made.sent(ANN, LOBBY, DELETE if deletes else EDIT, said.identity(ANN, 1))
    return made


def edit(seq, number, of=1, **changes):
    return row(seq, ANN, number, kind=EDIT, of=of, **changes)


def delete(seq, number, of=1, **changes):
    return row(seq, ANN, number, text="", kind=DELETE, of=of, **changes)


def original(text_of, **changes):
    return row(1, ANN, 1, text=text_of and said.text_of(ANN, text_of), **changes)


@test("edits and deletes in order: live, in pages, and stored")
def _():
    made = edited()
    for entry in row(1, ANN, 1), edit(2, 2), edit(3, 3):
        made.received(BOB, LOBBY, entry)
    for known, entry in (2, original(2, edited=2)), (2, original(3, edited=3)), (3, original(3, edited=3)):
        made.received(BOB, LOBBY, entry, known)
    made.acked(ANN, 2, LOBBY, 2)
    made.acked(ANN, 3, LOBBY, 3)
    made.stored(LOBBY, [original(3, edited=3), edit(2, 2), edit(3, 3), row(4, BOB, 1)])
    made = edited(deletes=True)
    # What is read late has its last state before the change itself is heard.
    made.received(BOB, LOBBY, row(1, ANN, 1, text="", deleted=3))
    made.received(BOB, LOBBY, edit(2, 2, text="", deleted=3))
    made.received(BOB, LOBBY, delete(3, 3))
    made.received(BOB, LOBBY, row(1, ANN, 1, text="", deleted=3), 3)
    made.stored(LOBBY, [row(1, ANN, 1, text="", deleted=3), edit(2, 2, text="", deleted=3), delete(3, 3)])


@test("never sent: an edit to another text, of another message, by another kind of entry")
def _():
    for entry in (edit(2, 2, text="0-2 boo"), edit(2, 2, of=3), delete(2, 2), edit(2, 1), original(1, edited=2),
                  row(1, ANN, 1, text="", deleted=None), original(2, edited=None), row(1, ANN, 1, edited=2),
                  row(1, ANN, 1, deleted=3), edit(2, 2, deleted=3), edit(2, 2, edited=3)):
        found("never-sent", edited().received, BOB, LOBBY, entry)


@test("stale: who knows of an edit or a delete is told of the text before it")
def _():
    made = edited()
    made.received(BOB, LOBBY, edit(2, 2))
    made.received(BOB, LOBBY, edit(3, 3))
    found("stale", made.received, BOB, LOBBY, row(1, ANN, 1), 2, shows=["got: lobby 1 is '0-1 ", "all up to 2"])
    found("stale", made.received, BOB, LOBBY, original(2, edited=2), 3, shows=["edited by 2"])
    made = edited(deletes=True)
    made.received(BOB, LOBBY, edit(2, 2))
    made.received(BOB, LOBBY, delete(3, 3))
    found("stale", made.received, BOB, LOBBY, original(2, edited=2), 3)
    found("stale", made.received, BOB, LOBBY, edit(2, 2), 3)


@test("order: what is said to delete a message is something else, or deletes another one")
def _():
    made = edited()
    made.received(BOB, LOBBY, edit(2, 2))
    found("order", made.received, BOB, LOBBY, row(1, ANN, 1, text="", deleted=2))
    made = edited(deletes=True)
    made.received(BOB, LOBBY, row(1, ANN, 1, text="", deleted=4))
    found("order", hears, made, BOB, 4, BOB, 1, shows=["lobby 4 is 1-1"])
    found("changes", made.stored, LOBBY, [row(1, ANN, 1), row(2, BOB, 1)], shows=["4 is about None"])


@test("changes: in the repository a message has not its last state, or one after it was deleted")
def _():
    for entries in ([original(2, edited=2), edit(2, 2), edit(3, 3)], [row(1, ANN, 1), edit(2, 2), edit(3, 3)]):
        found("changes", edited().stored, LOBBY, entries, shows=["by 3"])
    for entries in ([original(2, edited=2), edit(2, 2), delete(3, 3)],
                    [row(1, ANN, 1, text="", deleted=3), edit(2, 2), delete(3, 3)],
                    [row(1, ANN, 1, text="", deleted=2), delete(2, 3), edit(3, 2, text="", deleted=2)]):
        found("changes", edited(deletes=True).stored, LOBBY, entries)


@test("refused for good: only what is about a message that somebody deletes, and only if it is not stored")
def _():
    for number in 1, 2, 3:
        found("refused", edited().refused, ANN, number, LOBBY)
    found("refused", edited(deletes=True).refused, ANN, 3, LOBBY)
    made = edited(deletes=True)
    made.refused(ANN, 2, LOBBY)
    found("refused", made.acked, ANN, 2, LOBBY, 2)
    found("refused", made.stored, LOBBY, [original(2, edited=2), edit(2, 2)])
    made = edited(deletes=True)
    made.refused(ANN, 2, LOBBY)
    made.acked(ANN, 3, LOBBY, 2)
    made.acked(BOB, 1, LOBBY, 3)
    made.stored(LOBBY, [row(1, ANN, 1, text="", deleted=2), delete(2, 3), row(3, BOB, 1)])
    made.all_acked()
    equal((made.sent_count, made.acked_count, made.refused_count), (4, 3, 1))


# ---- kicks, bans and mutes ------------------------------------------------------------------------


def sanctions(kind):
    """Ordered of Ann at 1,000, and done at 1,100; it ends SECONDS after the former, or later."""
    made = Sanctions()
    sanction = made.add(LOBBY, "ann", kind)
    sanction.sent, sanction.done = 1000, 1100
    return made


END = 1000 + SECONDS * 1000


@test("overstepped: who is banned or muted has written, after it was done and before it ends")
def _():
    for kind, entry in ("ban", row(1, ANN, 1)), ("ban", delete(2, 3)), ("mute", row(1, ANN, 1)), ("mute", edit(2, 2)):
        found("overstepped", sanctions(kind).check, LOBBY, entry, 1200, "lobby", shows=["100 ms after"])
        for ts in 900, 1100, END, END + 500:
            sanctions(kind).check(LOBBY, entry, ts, "lobby")
        sanctions(kind).check(ATTIC, entry, 1200, "attic")
    sanctions("mute").check(LOBBY, delete(2, 3), 1200, "lobby")
    sanctions("kick").check(LOBBY, row(1, ANN, 1), 1200, "lobby")
    sanctions("ban").check(LOBBY, row(1, BOB, 1), 1200, "lobby")
    made = Sanctions()
    made.add(LOBBY, "ann", "ban").sent = 1000
    made.check(LOBBY, row(1, ANN, 1), 1200, "lobby")  # nobody was told yet that it is done


@test("a refusal is explained by what was ordered of this user in this room, for as long as it may be late")
def _():
    for kind, codes in ("kick", ["not-a-member"]), ("ban", ["not-a-member", "banned"]), ("mute", ["muted"]):
        for code in "not-a-member", "banned", "muted", "forbidden":
            for room in LOBBY, None:
                equal(sanctions(kind).explain(code, room, "ann", END), code in codes, (kind, code))
            assert not sanctions(kind).explain(code, ATTIC, "ann", END), "another room"
            assert not sanctions(kind).explain(code, LOBBY, "bob", END), "another user"
            assert not sanctions(kind).explain(code, LOBBY, "ann", END + 60000), "long after"
    made = Sanctions()
    made.add(LOBBY, "ann", "ban")
    assert not made.explain("banned", LOBBY, "ann"), "not sent yet"


@test("texts are within the limits, and differ")
def _():
    texts = [said.text_of(device, number) for device in range(3) for number in range(2000)]
    equal(len(set(texts)), len(texts))
    assert max(len(text.encode()) for text in texts) <= 10000
    equal([said.parse(text) for text in texts[:2]], [(0, 0), (0, 1)])


# ---- one device in one room -----------------------------------------------------------------------


def history(last=0):
    """It has joined, and has all up to `last`."""
    made = History("Ann in lobby")
    made.joined(0, 0, last)
    for seq in range(1, last + 1):
        made.live(seq)
    return made


@test("a history that is in order: joined, resumed, truncated and fetched")
def _():
    made = history(3)
    made.ended()
    made.joined(3, 3, 5)
    for seq in 4, 5, 6:
        equal(made.live(seq), True, "new")
    made.joined(None, None, 6)  # once more
    made.live(7)
    made.ended()
    made.joined(7, 100, 120, truncated=True, limit=20)
    for seq in range(101, 121):
        made.live(seq)
    equal(made.lacks(120), "lacks [(8, 100)] of 120")
    made.page(7, None, 50, list(range(8, 58)), True, 120)
    made.page(None, 101, 200, list(range(1, 101)), False, 120)
    equal(made.lacks(120), None)
    equal(made.first, 0)


@test("joined without since: it begins after the last one")
def _():
    made = History("Ann in lobby")
    made.joined(None, None, 41)
    equal(made.live(42), True)
    equal((made.first, made.lacks(42)), (41, None))


@test("invited without being asked: what is known is dropped, what is between is fetched")
def _():
    made = history(5)
    made.ended()
    made.joined(None, 3, 5)
    equal([made.live(seq) for seq in (4, 5, 6)], [False, False, True])
    made.ended()
    made.joined(None, 2, 4)
    equal([made.live(seq) for seq in (3, 4, 5, 6)], [False] * 4)
    made.ended()
    made.joined(None, 8, 9)
    made.live(9)
    equal(made.lacks(9), "lacks [(7, 8)] of 9")


@test("hole: a number is left out, live or after a resume")
def _():
    found("hole", history(3).live, 5, shows=["got 1 … 3", "got 5"])
    made = history(3)
    made.ended()
    made.joined(3, 3, 9)
    found("hole", made.live, 5, shows=["asked since=3, answered since=3"])


@test("repeat: a number comes again, or an older one after a newer one")
def _():
    found("repeat", history(3).live, 3)
    made = history(3)
    made.ended()
    made.joined(3, 3, 3)
    found("repeat", made.live, 3, shows=["answered since=3", "got 3"])


@test("out of order: two neighbours have changed places")
def _():
    found("hole", history(3).live, 5)


@test("a message of a room that one is not in")
def _():
    found("not-joined", History("Ann in lobby").live, 1)
    made = history(3)
    made.ended()
    found("not-joined", made.live, 4, shows=["left"])


@test("since: not answered to what was asked")
def _():
    for answer in (None, 9), (2, 9), (4, 9), (4, 9, True, 6), (2, 9, True, 7):
        made = history(3)
        made.ended()
        found("since", made.joined, 3, *answer, shows=["asked since=3"])
    found("since", history(3).joined, None, 3, 3)
    found("since", History("Ann in lobby").joined, None, 4, 3)


@test("lost: the room's last number goes back")
def _():
    made = history(3)
    made.ended()
    found("lost", made.joined, 3, 2, 2, shows=["got 1 … 3", "answered since=2 lastSeq=2"])


@test("history: pages that are not what was asked for")
def _():
    for after, before, seqs, more in (
            (0, None, [1, 3], True), (0, None, [2, 3], True), (0, None, [1, 2], False), (0, None, [], False),
            (0, None, [2, 1], True), (None, 4, [1, 2], False), (None, 4, [2, 3], False),
            (None, 4, [1, 2, 3], True), (None, 4, [], False), (None, None, [1, 2, 3, 4], False), (0, None, [1, 2, 3, 4, 5, 6], False)):
        found("history", history(5).page, after, before, 5, seqs, more, 5)
    for after, before, seqs, more in (
            (0, None, [1, 2], True), (3, None, [4, 5], False), (3, None, [4, 5, 6], False), (5, None, [], False),
            (None, 4, [1, 2, 3], False), (None, 4, [3], True), (None, 1, [], False), (None, None, [5, 6], True)):
        history(5).page(after, before, 5, seqs, more, 5)


@test("not all there at the end")
def _():
    equal(History("Ann in lobby").lacks(0), "has not joined")
    equal(history(3).lacks(4), "has all up to 3 of 4")
    equal(history(3).lacks(3), None)


# ---- the schedule ---------------------------------------------------------------------------------


@test("a schedule follows from the seed, has every kind, and does one thing at a time to a target")
def _():
    equal(schedule("a", 60, 3, 20), schedule("a", 60, 3, 20))
    assert schedule("a", 60, 3, 20) != schedule("b", 60, 3, 20)
    for seed in range(50):
        faults = schedule(seed, 60, 3, 20)
        equal({each.kind for each in faults}, set(KINDS), f"kinds of {seed}")
        ends = {}
        for each in faults:
            assert 0 < each.at and each.at + each.seconds <= 60, each
            what = KINDS[each.kind][0]
            if what != "device":
                target = what, each.target
                assert each.at >= ends.get(target, 0), f"{each} before {ends[target]}"
                ends[target] = each.at + each.seconds


run()
