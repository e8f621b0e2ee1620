"""What one client has of one room, over all its connections: without a hole, each message once."""
import time
from collections import deque


class Violation(Exception):
    """What must not happen: its kind, a sentence, and the part of the histories that shows it."""

    def __init__(self, kind, what, evidence=()):
        super().__init__(f"{kind}: {what}")
        self.kind = kind
        self.what = what
        self.evidence = list(evidence)


class History:
    """On each connection, joined() comes first and then live(); ended() at its end."""

    def __init__(self, title, clock=time.monotonic):
        self.title = title
        self.clock = clock
        self.begun = False
        self.first = 0  # it has what comes after this
        self.last = 0
        self.holes = []  # (first, last) of what is to be fetched by `history`
        self.next = None  # what has to come next on this connection; None: not joined on it
        self.tail = deque(maxlen=64)  # (when, what, numbers …)
        self.repeated = 0  # came again since the server did not know what was there

    def note(self, *what):
        self.tail.append((self.clock(), *what))

    def recent(self, count=4):
        """The last steps, for people; a run of messages is one line."""
        lines = []
        for when, *what in list(self.tail)[-count:]:
            if what[0] == "got":
                what = [f"got {what[1]}" + (f" … {what[2]}" if what[2] != what[1] else "")]
            lines.append(f"{when:9.3f} {self.title}: " + " ".join(map(str, what)))
        return lines

    def violated(self, kind, what):
        raise Violation(kind, f"{self.title} {what}", self.recent())

    # ---- what a connection brings -------------------------------------------------------------

    def joined(self, asked, since, last, truncated=False, limit=None):
        """`asked` is None where nothing was asked for by `since`; so is `since` where there is none."""
        self.note("joined", f"asked since={asked}, answered since={since} lastSeq={last}"
                  + (" truncated" if truncated else ""))
        if self.next is not None:
            if since is not None:
                self.violated("since", f"is in the room and is told once more that all after {since} follows")
            return
        # Who brings a device in may not have heard the latest yet, nor know what the device has.
        is_invited = asked is None and since is not None
        if self.begun and last < self.last and not is_invited:
            self.violated("lost", f"had message {self.last}, and now the last one is {last}")
        if asked is not None:
            self._answered_as_asked(asked, since, last, truncated, limit)
        if since is None:
            since = last
        if since > last:
            self.violated("since", f"is told that all after {since} follows, of {last} that there are")
        if not self.begun:
            self.begun = True
            self.first = self.last = since
        elif since > self.last:
            self.holes.append((self.last + 1, since))
            self.last = since
        self.next = since + 1

    def _answered_as_asked(self, asked, since, last, truncated, limit):
        if since is None:
            self.violated("since", f"asked for what comes after {asked}, and was not answered to it")
        elif truncated:
            if since <= asked or (limit is not None and since != last - limit):
                self.violated("since", f"asked for all after {asked}, and of {last} was left without "
                              f"those up to {since}; at most {limit} are resumed")
        elif since != asked:
            self.violated("since", f"asked for all after {asked}, and {since} is where it goes on")

    def live(self, seq):
        """Whether it is new to the client."""
        if self.next is None:
            self.note("got", seq, seq)
            self.violated("not-joined", f"got message {seq} of a room that it is not in")
        tail = self.tail[-1] if self.tail else None
        if tail and tail[1] == "got" and tail[3] == seq - 1:
            self.tail[-1] = (tail[0], "got", tail[2], seq)
        else:
            self.note("got", seq, seq)
        if seq != self.next:
            self.violated("hole" if seq > self.next else "repeat",
                          f"got message {seq} where {self.next} comes next")
        self.next = seq + 1
        if seq <= self.last:
            self.repeated += 1
            return False
        self.last = seq
        return True

    def ended(self):
        """The connection, or the stay in the room."""
        if self.next is not None:
            self.note("left")
        self.next = None

    # ---- what `history` brings ----------------------------------------------------------------

    def page(self, after, before, limit, seqs, more, known):
        """`known` is the last number that the client knew of when it asked."""
        span = f"{seqs[0]} … {seqs[-1]}" if seqs else "nothing"
        self.note("history", f"after={after} before={before} limit={limit}: {span} more={more}")
        if any(b != a + 1 for a, b in zip(seqs, seqs[1:])) or len(seqs) > limit:
            self.violated("history", f"got a page that is not one piece: {seqs[:20]}")
        if after is not None:
            wrong = bool(seqs) and seqs[0] != after + 1
            reached = seqs[-1] if seqs else after
            wrong = wrong or (not more and reached < known)
        else:
            top = known if before is None else before - 1
            wrong = (bool(seqs) and before is not None and seqs[-1] != top) or \
                (before is None and (seqs[-1] if seqs else 0) < top)
            wrong = wrong or more != (bool(seqs) and seqs[0] > 1) or (not seqs and top > 0)
        if wrong:
            self.violated("history", f"asked for after={after} before={before} limit={limit}, "
                          f"and got {span} more={more}, of at least {known}")
        if seqs:
            self._fill(seqs[0], seqs[-1])

    def _fill(self, first, last):
        left = []
        for a, b in self.holes:
            if a < first:
                left.append((a, min(b, first - 1)))
            if b > last:
                left.append((max(a, last + 1), b))
        self.holes = left

    # ---- at the end ---------------------------------------------------------------------------

    def lacks(self, last):
        """What is missing to have all up to the room's last message, or None."""
        if not self.begun:
            return "has not joined"
        if self.holes:
            return f"lacks {self.holes[:5]} of {last}"
        if self.last != last:
            return f"has all up to {self.last} of {last}"
        return None
