"""What the clients say. A text follows from who says it and its number, so that nobody has to keep it."""
from collections import namedtuple

MESSAGE, EDIT, DELETE = range(3)  # as in the repository
ACTIONS = ("send-message", "edit-message", "delete-message")

# `of`: the seq of what is changed; `edited` and `deleted`: the seqs of what has changed it since.
Entry = namedtuple("Entry", "seq sender id text kind of edited deleted", defaults=(MESSAGE, None, None, None))


def entry_of(told):
    """As a client is told of it."""
    return Entry(told["seq"], told["sender"]["id"], told.get("id"), told.get("message", ""),
                 ACTIONS.index(told.get("action", ACTIONS[MESSAGE])), told.get("of"), told.get("edited"), told.get("deleted"))


def entry_of_row(seq, sender, id, text, kind=MESSAGE, of=None, changed=0, changed_kind=None):
    """As the repository has it, with the kind of what has changed it last."""
    return Entry(seq, sender, id, text, kind, of, changed if changed_kind == EDIT else None,
                 changed if changed_kind == DELETE else None)

_PATTERN = "all is well, quoth \"ä\\ß\" 你好 😀 <b>&amp;</b>\n\t/\u2028 and so on; "
FILLER = _PATTERN * (12000 // len(_PATTERN))


def text_of(device, number):
    """Mostly a line; now and then a page, and rarely as much as there may be."""
    mixed = (device * 2654435761 + number * 40503) & 0xFFFFFF
    length = mixed % 80
    if number % 211 == 17:
        length = 5000 + mixed % 1500
    elif number % 31 == 7:
        length = 300 + mixed % 1000
    start = mixed % 997
    return f"{device}-{number} {FILLER[start:start + length]}."


def client_id(device, number):
    return f"{device}-{number}"


def identity(device, number):
    """One number for the message, never 0."""
    return device << 40 | number


def identified(identity):
    return identity >> 40, identity & (1 << 40) - 1


def name(identity):
    """For people."""
    return "%d-%d" % identified(identity) if identity else "nothing"


def parse(text):
    """The (device, number) that a text or an id claims to be, or None."""
    device, dash, rest = (text or "")[:40].partition("-")
    number = rest.partition(" ")[0]
    if dash and device.isdecimal() and number.isdecimal():
        return int(device), int(number)
    return None
