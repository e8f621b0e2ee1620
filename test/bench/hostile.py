#!/usr/bin/python3 -B
"""Hostile clients: so many connections that are half open, slow, deaf, flooding or malformed.

They go on until they are ended by SIGTERM, each that was closed begins anew, and then what became of them
is printed as one JSON object. `ready` on stderr says that every one has begun. Addresses of 127.0.0.0/8
only. What they do follows from --seed, as far as the server does.
"""
import argparse
import base64
import errno
import json
import os
import random
import resource
import signal
import socket
import struct
import sys
import time

TICK = 0.2  # seconds between two turns of each
TEXT, CONTINUATION, PING = 1, 0, 9
AT_A_TURN = 20  # what floods send


def frame(opcode, payload=b"", first=0x80, mask=True, announce=None):
    length = len(payload) if announce is None else announce
    masked = 0x80 if mask else 0
    head = (struct.pack("!BB", first | opcode, masked | length) if length < 126
            else struct.pack("!BBH", first | opcode, masked | 126, length) if length < 65536
            else struct.pack("!BBQ", first | opcode, masked | 127, length))
    return head + (b"\0\0\0\0" if mask else b"") + payload  # a key of zeros leaves it as it is


def document(**fields):
    return json.dumps(fields).encode()


def upgrade(name):
    key = base64.b64encode(os.urandom(16)).decode()
    return (f"GET /ws?name={name} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode()


MALFORMED = (
    b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"x" * 20000,
    b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 99999999\r\n\r\n{", b"GET / HTTP/1.1\r\n\xff: x\r\n: \r\n\r\n", b"\0" * 100)
MALFORMED_FRAMES = (
    frame(TEXT, b"{}", mask=False), frame(TEXT, b"{}", first=0xF0), frame(3, b"x"), frame(15, b""),
    frame(TEXT, b"", announce=1 << 40), frame(TEXT, b"\xc3\x28"), frame(PING, b"x" * 200), frame(8, b"\x03"),
    frame(CONTINUATION, b"x"), frame(TEXT, b"{" * 60000), frame(TEXT, b'{"action":' + b"[" * 300),
    frame(TEXT, b"{}\n" * 400), frame(2, b"\0" * 500), frame(TEXT, document(action="join-room", message=7)))


class Attacker:
    """One connection after the other. `turn` says what is sent next: bytes, or None to end it."""

    upgrades = True
    reads = True

    def __init__(self, world, number):
        self.world = world
        self.number = number
        self.random = random.Random(f"{world.seed} {number}")
        self.socket = None
        self.answered = b""
        self.turns = 0

    def begin(self):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        if not self.reads:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.bind((f"127.1.0.{1 + self.number % self.world.addresses}", 0))
        self.socket.connect_ex(self.world.server)
        self.answered = b""
        self.turns = 0
        self.world.counts["opened"] += 1

    def end(self, what):
        self.world.counts[what] += 1
        self.socket.close()
        self.socket = None

    def receive(self):
        """Returns whether the connection stands; an upgrade's answer is kept."""
        waits = self.upgrades and b"\r\n\r\n" not in self.answered
        if not self.reads and not waits:
            return True
        data = self.socket.recv(65536 if not waits else 1024)
        if waits:
            self.answered += data
        return data != b""

    def step(self):
        try:
            if self.socket is None:
                self.begin()
                return
            try:
                if not self.receive():
                    self.end("closed")
                    return
            except BlockingIOError:
                pass
            self.send()
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENOBUFS):
                raise
            if self.socket is not None:
                self.end("reset")

    def send(self):
        if self.turns == 0 and self.upgrades:
            self.socket.send(upgrade(f"Eve-{self.number}"))
            self.turns = 1
        elif self.upgrades and b"\r\n\r\n" not in self.answered:
            return
        elif self.upgrades and b" 101 " not in self.answered[:20]:
            self.end("refused")
        else:
            data = self.turn(self.turns)
            self.turns += 1
            if data is None:
                self.end("left")
            elif data:
                self.socket.send(data)


class Silent(Attacker):
    """Connects and says nothing."""
    upgrades = False

    def turn(self, _):
        return b""


class Half(Attacker):
    """Sends a head that has no end."""
    upgrades = False

    def turn(self, turn):
        return b"GET / HTTP/1.1\r\nX: "[turn:turn + 1] or b"x"


class Body(Attacker):
    """Sends a body that has no end, whether somebody wants one or not."""
    upgrades = False

    def turn(self, turn):
        line = b"POST /api/login" if self.number % 20 < 10 else b"GET /healthz"
        head = b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
        return line + head if turn == 0 else b" "


class Trickle(Attacker):
    """Sends a frame byte by byte."""

    def turn(self, turn):
        return frame(TEXT, b"x" * 60000)[turn:turn + 1]


class Fragments(Attacker):
    """Sends a message in a thousand pieces, with pings between."""

    def turn(self, turn):
        return frame(TEXT if turn == 1 else CONTINUATION, b"x" * 60, first=0) + frame(PING)


class Deaf(Attacker):
    """Is in a room with much talk, asks for more, and reads nothing of it."""
    reads = False

    def turn(self, turn):
        name = f"flood {self.number // 80}"
        return frame(TEXT, document(action="join-room", message=name, since=0)) * 5


class Flood(Attacker):
    """Sends messages as fast as it is read from. A room has some of these."""
    room = None

    def turn(self, turn):
        name = f"flood {self.number // 80}"
        if turn == 1:
            return frame(TEXT, document(action="join-room", message=name))
        return b"".join(frame(TEXT, document(
            action="send-message", message="x" * 500, target={"id": self.room or "?"}, id=f"{turn}-{i}"))
            for i in range(AT_A_TURN))

    def receive(self):
        data = self.socket.recv(65536)
        if b"\r\n\r\n" not in self.answered:
            self.answered += data
        elif self.room is None and b'"room-joined","target":{"id":"' in data:
            self.room = data.split(b'"room-joined","target":{"id":"')[1].split(b'"')[0].decode()
        return data != b""


class Joins(Attacker):
    """Goes in and out of rooms."""

    def turn(self, turn):
        names = (f"trap {self.random.randrange(100)}" for _ in range(AT_A_TURN))
        return b"".join(frame(TEXT, document(action="join-room", message=name)) for name in names)


class Malformed(Attacker):
    """Says what is no HTTP."""
    upgrades = False

    def turn(self, turn):
        return self.random.choice(MALFORMED) if turn == 0 else None if turn > 5 else b""


class MalformedFrames(Attacker):
    """Says what is no WebSocket, or no JSON."""

    def turn(self, _):
        return self.random.choice(MALFORMED_FRAMES)


KINDS = (Silent, Half, Trickle, Fragments, Deaf, Flood, Joins, Malformed, MalformedFrames, Body)


class World:
    def __init__(self, arguments):
        host, port = arguments.server.rsplit(":", 1)
        if not host.startswith("127."):
            raise SystemExit("hostile: only for a server in 127.0.0.0/8")
        self.server = (host, int(port))
        self.seed = arguments.seed
        self.addresses = arguments.addresses
        self.counts = dict.fromkeys(("opened", "closed", "refused", "reset", "left"), 0)
        self.attackers = [KINDS[i % len(KINDS)](self, i) for i in range(arguments.connections)]
        self.goes_on = True

    def stop(self, *_):
        self.goes_on = False

    def run(self, ready):
        """A part of them has its turn at a time, so that not all come at once."""
        pieces = 20
        rounds = 0
        while self.goes_on:
            for piece in range(pieces):
                begin = time.monotonic()
                for attacker in self.attackers[piece::pieces]:
                    attacker.step()
                time.sleep(max(0.0, begin + TICK / pieces - time.monotonic()))
            rounds += 1
            if rounds == 2:
                ready()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="ADDRESS:PORT")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--addresses", type=int, default=4, help="that they come from")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, default=600, help="seconds after which it ends in any case")
    world = World(parser.parse_args())
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    signal.signal(signal.SIGTERM, world.stop)
    signal.signal(signal.SIGALRM, world.stop)
    signal.alarm(arguments.limit)
    world.run(lambda: print("ready", file=sys.stderr, flush=True))
    print(json.dumps(world.counts), flush=True)


main()
