"""A WebSocket client of our own: it can do what a library would not let it do."""
import asyncio
import base64
import hashlib
import os
import re
import socket
import struct
import time
import zlib

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Refused(Exception):
    """The upgrade was answered with another status than 101."""

    def __init__(self, status, body):
        super().__init__(f"{status} {body[:200]}")
        self.status = status
        self.body = body


def frame(opcode, payload, compressed=False):
    key = os.urandom(4)
    opcode |= 0x40 if compressed else 0
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
    mask = int.from_bytes((key * (size // 4 + 1))[:size], "big")
    return head + key + (int.from_bytes(payload, "big") ^ mask).to_bytes(size, "big")


def deflate(text):
    """RFC 7692, 7.2.1, without a context."""
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflate(payload):
    return zlib.decompressobj(wbits=-15).decompress(payload + b"\x00\x00\xff\xff")


class WebSocket(asyncio.Protocol):
    """The owner has on_text(websocket, text), on_end(websocket) and on_broken(websocket, why)."""

    def __init__(self, owner, deflates=False):
        self.owner = owner
        self.deflates = deflates  # offers permessage-deflate; then: it was agreed
        self.is_compressed = False  # the message that is being read
        self.buffer = bytearray()
        self.parts = None  # of a message in fragments
        self.transport = None
        self.opened = asyncio.get_running_loop().create_future()
        self.is_open = False
        self.ended = False
        self.code = None  # of the server's Close
        self.reason = ""
        self.heard = time.monotonic()
        self.paused = False

    async def connect(self, port, path, headers=(), receive_buffer=None, limit=5):
        """Raises OSError, Refused or TimeoutError. The owner may be told of things before it returns."""
        loop = asyncio.get_running_loop()
        plain = socket.socket()
        plain.setblocking(False)
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            # The kernel takes megabytes for a connection of large segments: then no server sees a slow reader.
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)

        try:
            async with asyncio.timeout(limit):
                await loop.sock_connect(plain, ("127.0.0.1", port))
                await loop.create_connection(lambda: self, sock=plain)
                await self.handshake(path, headers)
        except BaseException:
            self.abandon()
            plain.close()
            raise

    def handshake(self, path, headers):
        key = base64.b64encode(os.urandom(16))
        self.accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket",
                 "Connection: Upgrade", f"Sec-WebSocket-Key: {key.decode()}",
                 "Sec-WebSocket-Version: 13", *headers, "", ""]
        if self.deflates:
            lines.insert(-2, "Sec-WebSocket-Extensions: permessage-deflate")
        self.transport.write("\r\n".join(lines).encode())
        return self.opened

    # ---- what comes -----------------------------------------------------------------------------

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, error):
        if not self.opened.done():
            self._refuse(ConnectionError("ended before it was open"))
        elif self.is_open and not self.ended:
            self.ended = True
            self.owner.on_end(self)

    def data_received(self, data):
        self.heard = time.monotonic()
        self.buffer += data
        if not self.opened.done():
            self._read_head()
        if self.is_open:
            self._read_frames()

    def _read_head(self):
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buffer[:end].decode("latin-1")
        status = int(head.split(" ", 2)[1])
        if status != 101:
            self._refuse(Refused(status, self.buffer[end + 4:].decode("utf-8", "replace")))
            return
        del self.buffer[:end + 4]
        accept = re.search(r"(?im)^sec-websocket-accept: *(\S+)", head)
        if not accept or accept.group(1) != self.accept:
            self._refuse(ConnectionError("the upgrade's answer is not to ours"))
            return
        agreed = re.search(r"(?im)^sec-websocket-extensions: *permessage-deflate;", head) is not None
        if agreed != self.deflates:
            self._refuse(ConnectionError("compression is not as it was offered"))
            return
        self.is_open = True
        self.opened.set_result(None)

    def _refuse(self, error):
        self.opened.set_exception(error)
        self.opened.exception()  # nobody may be waiting any more

    def _read_frames(self):
        start = 0
        buffer = self.buffer
        while len(buffer) - start >= 2 and not self.ended:
            size, body = buffer[start + 1] & 0x7F, start + 2
            if size >= 126:
                body += 2 if size == 126 else 8
                if len(buffer) < body:
                    break
                size = int.from_bytes(buffer[start + 2:body], "big")
            if len(buffer) < body + size:
                break
            first, masked = buffer[start], buffer[start + 1] & 0x80
            payload = bytes(buffer[body:body + size])
            start = body + size
            may_be_compressed = self.deflates and first & 0x0F == TEXT
            if masked or first & (0x30 if may_be_compressed else 0x70):
                self._break(f"a frame begins with {first:#x}, mask bit {masked:#x}")
                break
            if first & 0x0F == TEXT:
                self.is_compressed = bool(first & 0x40)
            self._take(first & 0x0F, bool(first & 0x80), payload)
        del buffer[:start]

    def _take(self, opcode, final, payload):
        if opcode == PING:
            self._write(PONG, payload)
        elif opcode == CLOSE:
            self.code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005
            self.reason = payload[2:].decode("utf-8", "replace")
            self._write(CLOSE, payload[:2])
            self.abandon()
            self.owner.on_end(self)
        elif opcode in (TEXT, CONTINUATION) and (opcode == TEXT) == (self.parts is None):
            self.parts = (self.parts or []) + [payload]
            if final:
                payload, self.parts = b"".join(self.parts), None
                try:
                    text = (inflate(payload) if self.is_compressed else payload).decode()
                except (UnicodeDecodeError, zlib.error) as error:
                    self._break(f"a message that is not as agreed: {error}")
                else:
                    self.owner.on_text(self, text)
        elif opcode != PONG:
            self._break(f"opcode {opcode} where it may not be")

    def _break(self, why):
        self.abandon()
        self.owner.on_broken(self, why)

    # ---- what is sent ---------------------------------------------------------------------------

    def _write(self, opcode, payload, compressed=False):
        if self.transport and not self.ended and not self.transport.is_closing():
            self.transport.write(frame(opcode, payload, compressed))

    def send(self, text):
        self._write(TEXT, deflate(text.encode()) if self.deflates else text.encode(), self.deflates)

    def ping(self):
        self._write(PING, b"")

    def close(self, code=1000):
        """As a client that goes away by itself; there is no on_end."""
        self._write(CLOSE, struct.pack("!H", code))
        if not self.ended:
            self.ended = True
            if self.transport:
                self.transport.close()

    def abandon(self):
        """Ends the connection without a word; there is no on_end."""
        if not self.ended:
            self.ended = True
            if self.transport:
                self.transport.abort()

    def cut(self, text, share=0.5):
        """Ends the connection in the middle of a frame."""
        whole = frame(TEXT, text.encode())
        if self.transport and not self.ended:
            self.transport.write(whole[:max(1, int(len(whole) * share))])
        self.abandon()

    def pause(self):
        if self.transport and not self.ended and not self.paused:
            self.paused = True
            self.transport.pause_reading()

    def resume(self):
        if self.paused:
            self.paused = False
            self.heard = time.monotonic()
            if not self.ended:
                self.transport.resume_reading()
