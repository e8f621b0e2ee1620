"""What a device has said and has no ack for: it is sent again, with its id, until there is one."""
import time
from collections import deque

import said
from place import document
from said import DELETE, EDIT, MESSAGE

UNACKED_MAX = 200


class Post:
    def __init__(self, place, number):
        self.place = place
        self.number = number
        self.sent = False  # on the present connection
        self.again_at = 0
        self.tries = 0


class Outbox:
    def __init__(self, device):
        self.device = device
        self.posts = {}  # by number, in the order of saying
        self.done = deque(maxlen=50)  # (place, number) of some that are acknowledged
        self.messages = deque(maxlen=50)  # likewise, those that are to be edited and deleted
        self.foreign = deque(maxlen=50)  # identities of others' messages in rooms of this device's user

    def say(self, place, count=1):
        """Says something new; what cannot be sent now is sent later."""
        for _ in range(min(count, UNACKED_MAX - len(self.posts))):
            number = self.device.world.checker.sent(self.device.index, place.room)
            self.posts[number] = Post(place, number)
        if self.device.is_there():
            self.flush(place)

    def change(self, kind):
        """Edits or deletes a message of the device's own."""
        if not self.messages or len(self.posts) >= UNACKED_MAX:
            return
        place, number = self.device.random.choice(self.messages)
        if kind == DELETE:
            self.messages.remove((place, number))
        self._change(place, kind, said.identity(self.device.index, number))

    def delete_foreign(self):
        """The owner of a room deletes what somebody else said there."""
        if self.foreign and len(self.posts) < UNACKED_MAX:
            place, about = self.foreign.pop()
            self._change(place, DELETE, about)
            self.device.world.counts["deletes by owners"] += 1

    def _change(self, place, kind, about):
        change = self.device.world.checker.sent(self.device.index, place.room, kind, about)
        self.posts[change] = Post(place, change)
        self.device.world.counts["edits" if kind == EDIT else "deletes"] += 1
        if self.device.is_there():
            self.flush(place)

    def say_cut(self, place, share):
        """Says something that breaks off, and so does the connection."""
        number = self.device.world.checker.sent(self.device.index, place.room)
        post = self.posts[number] = Post(place, number)
        post.tries = 1
        self.device.cut(self._message(post.place, number), share)

    def say_again(self):
        """Repeats what is acknowledged already."""
        if self.device.is_there() and self.done:
            place, number = self.device.random.choice(self.done)
            if place.joined:
                self.device.world.counts["repeated after the ack"] += 1
                self.device.send(self._message(place, number))

    def flush(self, place):
        """The device is in the room."""
        if place.joined:
            self._send([each for each in self.posts.values() if each.place is place and not each.sent])

    def look_after(self, now):
        for post in list(self.posts.values()):
            if post.sent and post.place.joined and post.again_at <= now:
                self._send([post])

    def acked(self, number):
        if post := self.posts.pop(number, None):
            self.done.append((post.place, number))
            if self.device.world.checker.senders[self.device.index].kind[number] == MESSAGE:
                self.messages.append((post.place, number))

    def refused_for_good(self, number):
        """It is about a message that was deleted meanwhile."""
        if post := self.posts.pop(number, None):
            self.device.world.checker.refused(self.device.index, number, post.place.room)

    def refused(self, number):
        """For now."""
        if post := self.posts.get(number):
            post.again_at = time.monotonic() + self.device.random.uniform(0.2, 1)

    def ended(self):
        """The connection."""
        for post in self.posts.values():
            post.sent = False

    def _message(self, place, number):
        checker, device = self.device.world.checker, self.device.index
        kind = checker.senders[device].kind[number]
        fields = {"target": {"id": place.id}, "id": said.client_id(device, number)}
        if kind != MESSAGE:
            writer, message = said.identified(checker.senders[device].about[number])
            fields["of"] = checker.senders[writer].seq[message]
        if kind != DELETE:
            fields["message"] = said.text_of(device, number)
        return document(said.ACTIONS[kind], **fields)

    def _send(self, posts):
        """Several documents a frame where they fit."""
        again_at = time.monotonic() + 5 * self.device.world.patience
        together, size = [], 0
        for post in posts:
            post.sent = True
            post.again_at = again_at
            self.device.world.counts["retried"] += post.tries > 0
            post.tries += 1
            text = self._message(post.place, post.number)
            if together and (size + len(text) > 15000 or len(together) == 30):
                self.device.send("\n".join(together))
                together, size = [], 0
            together.append(text)
            size += len(text)
        if together:
            self.device.send("\n".join(together))
