"""What the integration tests share: TAP, a chatd of one's own, and two kinds of client.

A test file defines its tests with @test("what holds"), and ends with run(). A test that takes an
argument is given the file's common server; run()'s own arguments are that server's options. A test
passes when it returns. PATIENCE in the environment multiplies every time limit, for slow builds.
"""
import asyncio
import atexit
import base64
import ctypes
import functools
import http.client
import inspect
import itertools
import json
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import zlib
from urllib.parse import quote

import websockets

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHATD = os.environ.get("CHATD") or os.path.join(TOP, "chatd")
PATIENCE = float(os.environ.get("PATIENCE", 1))
LIMIT = 20 * PATIENCE  # seconds that anything may take before it counts as not happening

# ---- TAP ------------------------------------------------------------------------------------

_tests = []


class Skip(Exception):
    """Raised by a test that cannot run here, with the reason."""


def test(name):
    def add(function):
        _tests.append((name, function))
        return function

    return add


def _takes_server(test):
    return any(each.default is each.empty
               for each in inspect.signature(test[1]).parameters.values())


def run(*options, limit=90, **settings):
    """Runs the tests, each for at most `limit` seconds (times PATIENCE), and exits."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    common = any(map(_takes_server, _tests))
    print(f"1..{len(_tests) + common}", flush=True)
    server = Server(*options, **settings) if common else None
    numbers = itertools.count(1)
    failed = 0

    def check(name, function):
        nonlocal failed
        number = next(numbers)
        try:
            function()
            print(f"ok {number} - {name}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except Exception as error:
            failed += 1
            print(f"not ok {number} - {name}", flush=True)
            lines = [f"{os.path.basename(step.filename)}:{step.lineno}: {step.line}"
                     for step in traceback.extract_tb(error.__traceback__)
                     if step.filename.startswith(TOP)]
            lines.append(f"{type(error).__name__}: {error}"[:2000])
            for each in Server.started[-2:]:
                lines += [f"log of chatd {each.process.pid}:"] + each.log[-15:]
            print("\n".join(f"# {line}" for line in lines), file=sys.stderr, flush=True)

    for name, function in _tests:
        arguments = [server] if _takes_server((name, function)) else []
        if inspect.iscoroutinefunction(function):
            check(name, lambda: asyncio.run(
                asyncio.wait_for(function(*arguments), limit * PATIENCE)))
        else:
            check(name, functools.partial(function, *arguments))
    if common:
        check("the server has lived through all this and stops cleanly", server.stop)
    sys.exit(failed != 0)


def equal(actual, expected, what="value"):
    assert actual == expected, f"{what}: {actual!r} instead of {expected!r}"


def pause(process):
    """Stops a process, and returns when each of its threads stands still."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)


def until(condition, what, limit=LIMIT):
    """Waits until a counter or the like is as it should be; returns what the condition did."""
    end = time.monotonic() + limit
    while not (result := condition()):
        assert time.monotonic() < end, f"not within {limit:.0f} s: {what}"
        time.sleep(0.02)
    return result


async def until_async(condition, what, limit=LIMIT):
    """The same while the clients of this process go on reading."""
    end = time.monotonic() + limit
    while not (result := condition()):
        assert time.monotonic() < end, f"not within {limit:.0f} s: {what}"
        await asyncio.sleep(0.02)
    return result


def temporary_folder():
    folder = tempfile.mkdtemp(prefix="chatd-test-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


# ---- the server -----------------------------------------------------------------------------


def is_sanitized():
    with open(CHATD, "rb") as program:
        return re.search(rb"__[at]san_init", program.read()) is not None


# But for the two that are as much the protocol's as a limit.
NO_LIMITS = ("--limits=none", "--limit-json-depth=16", "--limit-body=65536")


class Server:
    """A chatd with a free port and a database of its own.

    `folder` keeps the database: give a former server's to go on with it. `environment` is added to
    the process's; `limits` maps resource.RLIMIT_… to a value. `prefix` is a command to start it
    under, which has to end in an exec. Who goes has left at once, unless the options say otherwise; and there
    are only the limits that they say, unless it is to be `limited` as usual.
    """

    started = []

    def __init__(self, *options, folder=None, environment=None, limits=None, prefix=(), ready=True,
                 limited=False):
        self.folder = folder or temporary_folder()
        self.database = os.path.join(self.folder, "chat.db")
        self.log = []
        self.changed = threading.Condition()
        self.log_ended = False
        clean = {k: v for k, v in os.environ.items() if not k.startswith("CHATD_")}

        def prepare():
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: never outlive the test
            for which, value in (limits or {}).items():
                resource.setrlimit(which, (value, value))

        self.process = subprocess.Popen(
            [*prefix, CHATD, "--addr=127.0.0.1:0", f"--db={self.database}", "--presence-grace=0",
             *([] if limited else NO_LIMITS),
             *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, errors="replace", env={**clean, **(environment or {})}, preexec_fn=prepare)
        Server.started.append(self)
        atexit.register(self.kill)
        # A thread, so that chatd never waits for a busy test to read its log.
        threading.Thread(target=self._read_log, daemon=True).start()
        if ready:
            self.port = int(self.wait_for_log(r"\bready addr=\S+:(\d+)").group(1))

    def _read_log(self):
        for line in self.process.stderr:
            with self.changed:
                self.log.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.log_ended = True
            self.changed.notify_all()

    def wait_for_log(self, pattern, limit=LIMIT):
        end = time.monotonic() + limit
        with self.changed:
            seen = 0
            while True:
                for line in self.log[seen:]:
                    if match := re.search(pattern, line):
                        return match
                seen = len(self.log)
                left = end - time.monotonic()
                assert left > 0 and not self.log_ended, f"chatd logged no {pattern!r}: {self.log}"
                self.changed.wait(left)

    def request(self, path, headers=None, method="GET", body=None, limit=LIMIT):
        """Returns (status, headers, body) of an HTTP request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=limit)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def metric(self, name):
        text = self.request("/metrics")[2].decode()
        match = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
        assert match, f"no {name} in /metrics"
        return float(match.group(1))

    def status(self, field):
        """A number of /proc/PID/status, such as VmRSS (kB) or Threads."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(rf"^{field}:\s+(\d+)", status.read(), re.MULTILINE).group(1))

    def terminate(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def pause(self):
        pause(self.process)

    def resume(self):
        self.terminate(signal.SIGCONT)

    def wait(self, limit=LIMIT):
        """Waits for the end of the process; returns its exit status, negative for a signal."""
        return self.process.wait(limit)

    def stop(self, number=signal.SIGTERM):
        """Ends the server as its operator would, and expects a clean end."""
        equal(self.process.poll(), None, "exit status before it was told to stop")
        self.terminate(number)
        equal(self.wait(), 0, "exit status")

    def kill(self):
        """Ends the server as a crash would."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None and self.process.poll() is None:
            self.stop()
        else:
            self.kill()


# ---- a client by python3-websockets ----------------------------------------------------------


def is_like(actual, expected):
    """Whether the document has at least the expected fields, at any depth."""
    if isinstance(expected, dict):
        return isinstance(actual, dict) and all(
            key in actual and is_like(actual[key], value) for key, value in expected.items())
    return type(actual) is type(expected) and actual == expected


class Client:
    """A user. `received` has every document in order; expect() takes them out of `pending`."""

    def __init__(self, websocket):
        self.websocket = websocket
        self.received = []
        self.frames = []
        self.pending = []
        self.news = asyncio.Condition()
        self.ended = False
        self.reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, server, name="Ann", settle=True):
        """Connects as a new user; with `settle` returns once it is in the list of those online."""
        return await cls._open(server, f"name={quote(name)}", {}, settle)

    @classmethod
    async def return_as(cls, server, token, name=None, in_header=False, settle=True):
        """Connects as the user that the token stands for, or else as a new one of that name."""
        query = [f"name={quote(name)}"] if name is not None else []
        query += [f"bearer={quote(token)}"] if not in_header else []
        headers = {"Authorization": f"Bearer {token}"} if in_header else {}
        return await cls._open(server, "&".join(query), headers, settle)

    @classmethod
    async def _open(cls, server, query, headers, settle):
        websocket = await websockets.connect(
            f"ws://127.0.0.1:{server.port}/ws?{query}", extra_headers=headers, compression=None,
            ping_interval=None, max_size=None, max_queue=None, open_timeout=LIMIT,
            close_timeout=2 * PATIENCE)
        client = cls(websocket)
        client.welcome = await client.expect("welcome")
        client.id = client.welcome["user"]["id"]
        client.name = client.welcome["user"]["name"]
        client.token = client.welcome.get("token")  # none by a cookie
        if settle:
            await client.expect("user-join", sender={"id": client.id})
        return client

    async def return_to(self, server, settle=True):
        """Another connection of the same user."""
        client = await Client.return_as(server, self.token, settle=settle)
        equal((client.id, client.name), (self.id, self.name), "who came back")
        return client

    async def _read(self):
        try:
            async for frame in self.websocket:
                self.frames.append(frame)
                documents = [json.loads(line) for line in frame.split("\n") if line.strip()]
                async with self.news:
                    self.received += documents
                    self.pending += documents
                    self.news.notify_all()
        except websockets.ConnectionClosed:
            pass
        finally:
            self.ended = True
            async with self.news:
                self.news.notify_all()

    async def send(self, *documents):
        """Sends the documents in one frame; a string goes as it is."""
        await self.websocket.send("\n".join(
            each if isinstance(each, str) else json.dumps(each, ensure_ascii=False)
            for each in documents))

    async def expect(self, action, limit=LIMIT, **fields):
        """Waits for a document of this action and with these fields, and takes it out."""
        expected = {"action": action, **fields}
        end = time.monotonic() + limit
        seen = 0
        async with self.news:
            while True:
                for index in range(seen, len(self.pending)):
                    if is_like(self.pending[index], expected):
                        return self.pending.pop(index)
                seen = len(self.pending)
                left = end - time.monotonic()
                assert left > 0 and not self.ended, \
                    f"{self.name_or_id()} waited for {expected}, and has {self.pending[-10:]}"
                try:
                    await asyncio.wait_for(self.news.wait(), left)
                except asyncio.TimeoutError:
                    pass
                seen = min(seen, len(self.pending))

    def name_or_id(self):
        return getattr(self, "name", "the client")

    def has(self, action, **fields):
        """The documents received so far, in order, that have these fields."""
        return [each for each in self.received if is_like(each, {"action": action, **fields})]

    async def join(self, name):
        """Joins the room by name and returns its id."""
        await self.send({"action": "join-room", "message": name})
        return (await self.expect("room-joined", target={"name": name.strip()}))["target"]["id"]

    async def create(self, name, kind="public"):
        """Creates the room, which must not be there, and returns its id."""
        await self.send({"action": "create-room", "message": name, "kind": kind})
        return (await self.expect("room-joined", target={"name": name}))["target"]["id"]

    async def resume(self, name, since):
        """Joins the room by name with `since` and returns the answer."""
        await self.send({"action": "join-room", "message": name, "since": since})
        return await self.expect("room-joined", target={"name": name})

    async def join_private(self, id, **fields):
        """Joins the private room with the user of that id and returns the answer."""
        await self.send({"action": "join-room-private", "message": id, **fields})
        return await self.expect("room-joined", sender={"id": id})

    async def history(self, room, **fields):
        """Asks for a page of the room's past and returns it."""
        id = f"history-{time.monotonic_ns()}"
        await self.send({"action": "history", "target": {"id": room}, "id": id, **fields})
        return await self.expect("history", target={"id": room}, id=id)

    async def post(self, room, text, id=None):
        """Sends the message with an id, and returns its ack."""
        id = id or f"auto-{time.monotonic_ns()}"
        await self.send(message(room, text, id))
        return await self.expect("message-ack", id=id)

    async def round_trip(self):
        """Returns once everything sent before has been read by the server, and answered."""
        action = f"no-such-{time.monotonic_ns()}"
        await self.send({"action": action})
        await self.expect("error", code="unknown-action", refused=action)

    async def refused(self, document, code, **fields):
        """Sends what has to be refused; checks that exactly one error of this code comes of it."""
        before = len(self.has("error"))
        self.pending = [each for each in self.pending if each["action"] != "error"]
        await self.send(document)
        error = await self.expect("error", code=code, **fields)
        await self.round_trip()
        equal(len(self.has("error")) - before, 2, "errors, the round trip's own among them")
        assert isinstance(error["message"], str) and error["message"], error
        return error

    async def closed(self, limit=LIMIT):
        """Waits for the end of the connection; returns (code, reason) of the server's Close."""
        await asyncio.wait_for(self.websocket.wait_closed(), limit)
        return self.websocket.close_code, self.websocket.close_reason

    async def close(self):
        await self.websocket.close()
        await self.reader


# The fields of room-joined, in a room that is not private.
JOINED = {"action", "target", "sender", "lastSeq", "kind", "topic", "owner", "role"}


def message(room, text, id=None):
    document = {"action": "send-message", "message": text, "target": {"id": room}}
    if id is not None:
        document["id"] = id
    return document


def edit(room, of, text, id=None):
    document = {"action": "edit-message", "target": {"id": room}, "of": of, "message": text}
    return {**document, "id": id} if id is not None else document


def delete(room, of, id=None):
    document = {"action": "delete-message", "target": {"id": room}, "of": of}
    return {**document, "id": id} if id is not None else document


def order(action, room, user=None, **fields):
    """What has to do with rights: with an id, for `done` names it."""
    document = {"action": action, "target": {"id": room}, "id": f"{action}-{time.monotonic_ns()}", **fields}
    return {**document, "user": {"id": user}} if user is not None else document


async def done(client, action, room, user=None, **fields):
    """Has it done, and returns once it is stored."""
    document = order(action, room, user, **fields)
    await client.send(document)
    answer = await client.expect("done", id=document["id"])
    expected = {"action": "done", "request": action, "id": document["id"], "target": {"id": room}}
    equal(answer, {**expected, "user": {"id": user}} if user is not None else expected)


def chats(client, room):
    """The stored messages of the room, as the client got them: [(seq, text)]."""
    return [(each["seq"], each["message"]) for each in client.received
            if each["action"] == "send-message" and "seq" in each and each["target"]["id"] == room]


async def fill(client, room, count, text="text"):
    """Posts `count` messages without waiting for each; returns once the client has the last one."""
    for start in range(0, count, 20):
        some = range(start + 1, min(start + 20, count) + 1)
        await client.send(*(message(room, f"{text} {i}") for i in some))
    await client.expect("send-message", target={"id": room}, seq=count)


async def close_all(*clients):
    for each in clients:
        await each.close()


async def leave_anyhow(client, choice):
    """Ends its connection, answered before or not, in good order or not."""
    if choice.random() < 0.5:
        await client.round_trip()
    if choice.random() < 0.5:
        client.websocket.transport.abort()
        await client.reader
    else:
        await client.close()


def online(client):
    """The client's list as it follows from what it was told; a wrong step fails."""
    users = {}
    for document in client.received:
        if document["action"] == "user-join":
            id = document["sender"]["id"]
            assert id not in users, f"{client.name} was told of {document['sender']} twice"
            users[id] = document["sender"]["name"]
        elif document["action"] == "user-left":
            assert document["sender"]["id"] in users, f"{document['sender']} left without a join"
            del users[document["sender"]["id"]]
    return users


async def connect_all(server, *names):
    return await asyncio.gather(*(Client.connect(server, name) for name in names))


# ---- a client by hand, for what a library would not do ----------------------------------------

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def upgrade_request(name, version=13, extensions=()):
    key = base64.b64encode(os.urandom(16)).decode()
    return (f"GET /ws?name={quote(name)} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Version: {version}\r\n"
            + "".join(f"Sec-WebSocket-Extensions: {each}\r\n" for each in extensions)
            + "\r\n").encode()


def frame(opcode, payload=b"", fin=True, reserved=0, mask=True, announce=None, size=None, key=None):
    """A client's frame. `announce` is a length that is not true; `size` forces 16 or 64 bits.

    It is masked with `key`, by default a random one.
    """
    payload = payload.encode() if isinstance(payload, str) else payload
    length = len(payload) if announce is None else announce
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    masked = 0x80 if mask else 0
    if size is None:
        size = 7 if length < 126 else 16 if length < 65536 else 64
    head = (struct.pack("!BB", first, masked | length) if size == 7
            else struct.pack("!BBH", first, masked | 126, length) if size == 16
            else struct.pack("!BBQ", first, masked | 127, length))
    if not mask:
        return head + payload
    key = key or os.urandom(4)
    keys = (key * (len(payload) // 4 + 1))[:len(payload)]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")
    return head + key + masked.to_bytes(len(payload), "big")


def deflate(text, bits=15, level=zlib.Z_DEFAULT_COMPRESSION, strategy=zlib.Z_DEFAULT_STRATEGY):
    """The payload of a compressed message (RFC 7692, 7.2.1)."""
    compressor = zlib.compressobj(level, wbits=-bits, strategy=strategy)
    text = text.encode() if isinstance(text, str) else text
    return (compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflate(payload):
    inflater = zlib.decompressobj(wbits=-13)  # what chatd promises
    text = inflater.decompress(payload + b"\x00\x00\xff\xff")
    assert not inflater.eof and not inflater.unused_data, "not the end of a message"
    return text


def close_frame(code, reason=b""):
    return frame(CLOSE, struct.pack("!H", code) + reason)


class Raw:
    """A WebSocket client on a plain socket. It reads only when told to.

    `extensions` are headers with what it offers; it inflates what comes compressed if that was agreed.
    """

    def __init__(self, server, name="Raw", receive_buffer=None, upgrade=True, extensions=()):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(LIMIT)
        self.socket.connect(("127.0.0.1", server.port))
        self.buffer = b""
        self.agreed = None  # what the server has answered to `extensions`
        self.frames = []  # of text: (whether it was compressed, bytes of its payload)
        self.documents = []
        if upgrade:
            self.send(upgrade_request(name, extensions=extensions))
            self.read_head()

    def read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            data = self.socket.recv(4096)
            assert data, f"no answer to the upgrade: {self.buffer}"
            self.buffer += data
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 101 "), head
        found = re.findall(r"^Sec-WebSocket-Extensions: (.*)\r$", head.decode() + "\r", re.MULTILINE)
        assert len(found) < 2, found
        self.agreed = found[0] if found else None

    def send(self, data):
        self.socket.sendall(data)

    def document(self, document):
        self.send(frame(TEXT, json.dumps(document)))

    def _fill(self, count):
        while len(self.buffer) < count:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(f"the connection ended in a frame: {self.buffer!r}")
            self.buffer += data

    def read(self):
        """Reads one frame; returns (opcode, payload)."""
        self._fill(2)
        first, second = self.buffer[0], self.buffer[1]
        is_compressed = self.agreed is not None and first & 0x4F == 0x40 | TEXT
        assert first & (0x30 if is_compressed else 0x70) == 0 and first & 0x80, f"first byte {first:#x}"
        assert second & 0x80 == 0, "the server masked a frame"
        length, start = second & 0x7F, 2
        if length >= 126:
            start = 4 if length == 126 else 10
            self._fill(start)
            length = int.from_bytes(self.buffer[2:start], "big")
            assert length >= (126 if start == 4 else 65536), "a length in more bytes than it needs"
        self._fill(start + length)
        payload, self.buffer = self.buffer[start:start + length], self.buffer[start + length:]
        if first & 0x0F == TEXT:
            self.frames.append((is_compressed, length))
        return first & 0x0F, inflate(payload) if is_compressed else payload

    def expect(self, action, **fields):
        """Reads until a document like this one, takes it out of `documents`, and returns it."""
        seen = 0
        while True:
            for index in range(seen, len(self.documents)):
                if is_like(self.documents[index], {"action": action, **fields}):
                    return self.documents.pop(index)
            seen = len(self.documents)
            opcode, payload = self.read()
            assert opcode == TEXT, f"opcode {opcode} with {payload!r} instead of {action}"
            self.documents += [json.loads(line) for line in payload.decode().split("\n") if line]

    def control(self, opcode):
        """Reads until a control frame, which has to be of this kind; returns its payload."""
        while True:
            kind, payload = self.read()
            if kind != TEXT:
                equal(kind, opcode, "opcode")
                return payload

    def close_code(self):
        """Reads until the server's Close, and the end of the connection; returns the code or 0."""
        payload = self.control(CLOSE)
        equal(self.socket.recv(1) if not self.buffer else self.buffer, b"", "after the Close")
        if payload:
            payload[2:].decode()
        return struct.unpack("!H", payload[:2])[0] if payload else 0

    def abort(self):
        """Ends the connection with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()
