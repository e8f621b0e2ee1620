"""What is edited and deleted in a room: what a message has to look like, for whom and when."""
from history import Violation
from said import DELETE, EDIT, MESSAGE


class Changes:
    """A room's edits and deletes, as far as anybody was told of them: seqs all of them."""

    def __init__(self):
        self.by_target = {}  # (seq, kind) of each change of it, in any order
        self.target_of = {}  # of each change
        self.claimed = {}  # what a message said is the delete of it: that delete, and what it is about
        self.stored_changed = {}  # as the repository has it, for each message and edit that has any

    def add(self, seq, kind, target):
        """A change took this number. Returns whether what was said of it before is true."""
        if seq not in self.target_of:
            self.target_of[seq] = target
            self.by_target.setdefault(target, []).append((seq, kind))
        return self.claimed.get(seq, target) == target

    def claim_delete(self, seq, target):
        """A message, or an edit of it, says that it was deleted by the entry `seq`."""
        return self.claimed.setdefault(seq, target) == target and \
            self.target_of.get(seq, target) == target

    def check_as_of(self, entry, known, line):
        """Who read the entry had everything up to `known` by then: no older state will do."""
        target = entry.seq if entry.kind == MESSAGE else entry.of
        changes = [each for each in self.by_target.get(target, ()) if each[0] <= known]
        delete = next((seq for seq, kind in changes if kind == DELETE), None)
        if delete and entry.kind != DELETE and entry.deleted != delete:
            raise Violation("stale", f"{target} was deleted by {delete}, and the text is told",
                            [line, f"what the reader had before: all up to {known}"])
        edit = max((seq for seq, kind in changes if kind == EDIT), default=0)
        if entry.kind == MESSAGE and not entry.deleted and (entry.edited or 0) < edit:
            raise Violation("stale", f"{target} was edited by {edit}, and an older text is told",
                            [line, f"what the reader had before: all up to {known}"])

    def store(self, entry, line):
        """The repository's entries, by seq."""
        if entry.kind == MESSAGE:
            return
        if any(kind == DELETE and seq < entry.seq for seq, kind in self.by_target.get(entry.of, ())):
            raise Violation("changes", f"{entry.of} is changed after it was deleted", [line])

    def check_stored(self, name):
        """After all of them: each message has its last state."""
        expected = {}
        for seq, target in self.claimed.items():
            if self.target_of.get(seq) != target:
                raise Violation("changes", f"{name} {target} was said to be deleted by {seq}, and is not",
                                [f"{seq} is about {self.target_of.get(seq)}"])
        for target, changes in self.by_target.items():
            delete = next((seq for seq, kind in changes if kind == DELETE), None)
            edits = [seq for seq, kind in changes if kind == EDIT]
            expected[target] = delete or max(edits)
            expected.update((edit, delete) for edit in edits if delete)
        for seq in sorted(expected.keys() | self.stored_changed.keys()):
            if expected.get(seq) != self.stored_changed.get(seq):
                raise Violation("changes", f"{name} {seq} is not as it was changed last",
                                [f"by {expected.get(seq)}; in the repository by {self.stored_changed.get(seq)}"])
