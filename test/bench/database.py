"""Databases with many stored messages, and what it costs to read from them."""
import base64
import json
import os
import random
import signal
import socket
import sqlite3
import statistics
import struct
import subprocess
import time

from servers import LOAD, PATIENCE, Servers

ROOMS = 10
ROUNDS = 10
LIMIT = 30 * PATIENCE  # seconds that an answer may take


def fill(path, count):
    """Makes a database whose ROOMS rooms, those of chatd-load, have `count` messages together.

    chatd makes the file and the rooms; the messages are put in behind its back, as that is faster.
    """
    with Servers("chatd", database=path) as servers:
        subprocess.run([LOAD, f"--server={servers.addresses[0]}", f"--clients={ROOMS}",
                        f"--rooms={ROOMS}", "--idle", "--warm-up=0", "--duration=0"],
                       check=True, stdout=subprocess.DEVNULL)
        servers.processes[0].send_signal(signal.SIGTERM)
        servers.processes[0].wait(60 * PATIENCE)
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = OFF")
    with database:
        for (number,) in database.execute("SELECT number FROM room ORDER BY number").fetchall():
            database.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
                "INSERT INTO message (place, sender_id, sender_name, client_id, ts, text) "
                "SELECT ? << 36 | i, 'AAAAAAAAAAAAAAAAAAAAAA', 'somebody', printf('m-%08x', i), "
                "1700000000000 + i, printf('%0128d', i) FROM n", (count // ROOMS, number))
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    # Or what is measured would wait for the disk to take all that.
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


class Client:
    """A client that waits for each answer."""

    def __init__(self, address):
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=LIMIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(f"GET /ws?name=probe HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n"
                            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                            "Sec-WebSocket-Version: 13\r\n\r\n".encode())
        self.file = self.socket.makefile("rb")
        while self.file.readline().strip():
            pass
        self.documents = []
        self.expect("welcome")

    def send(self, **document):
        payload = json.dumps(document).encode()
        size = struct.pack("!BB", 0x81, 0x80 | len(payload)) if len(payload) < 126 else struct.pack(
            "!BBH", 0x81, 0xfe, len(payload))
        self.socket.sendall(size + bytes(4) + payload)

    def expect(self, action, **fields):
        """The next document like that; those before it are dropped."""
        while True:
            while self.documents:
                document = json.loads(self.documents.pop(0))
                if document["action"] == "error":
                    raise RuntimeError(document)
                if document["action"] == action and all(document.get(k) == v for k, v in fields.items()):
                    return document
            opcode, length = self.file.read(2)
            if length == 126:
                length, = struct.unpack("!H", self.file.read(2))
            elif length == 127:
                length, = struct.unpack("!Q", self.file.read(8))
            payload = self.file.read(length)
            if opcode == 0x81:
                self.documents = payload.decode().split("\n")

    def close(self):
        self.socket.close()


def _time(act, *arguments):
    begin = time.perf_counter()
    act(*arguments)
    return 1000 * (time.perf_counter() - begin)


def probe(address):
    """Median ms until the answer: joining, a page of 50 at a random place, the same page once more, which
    needs no disk, coming back with 50 missed.

    The rooms have 100 messages at least, so that the answers are as long whatever is stored.
    """
    choice = random.Random(1)
    rooms = {}

    def join(client, name, **since):
        client.send(action="join-room", message=name, **since)
        joined = client.expect("room-joined")
        rooms[name] = joined["target"]["id"], joined["lastSeq"]

    def resume(client, name):
        join(client, name, since=rooms[name][1] - 50)
        client.expect("send-message", seq=rooms[name][1])

    def page(client, name):
        client.send(action="history", target={"id": rooms[name][0]}, before=places[name], limit=50)
        client.expect("history")

    times = {"join": [], "page": [], "again": [], "resume": []}
    names = [f"room-{i:05d}" for i in range(ROOMS)]
    for _ in range(ROUNDS):
        client = Client(address)
        times["join"] += [_time(join, client, name) for name in names]
        for _ in range(3):
            places = {name: choice.randrange(51, rooms[name][1] + 1) for name in names}
            times["page"] += [_time(page, client, name) for name in names]
            times["again"] += [_time(page, client, name) for name in names]
        client.close()
        client = Client(address)
        times["resume"] += [_time(resume, client, name) for name in names]
        client.close()
    return {key: statistics.median(taken) for key, taken in times.items()}
