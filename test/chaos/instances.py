"""What the clients talk to: instances of chatd, their Redis, their database and its disk."""
import asyncio
import ctypes
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import time

from history import Violation

_libc = ctypes.CDLL(None)


def _die_with_the_driver():
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def free_port():
    """Below those that the kernel gives to connections: an instance that is down keeps its port."""
    while True:
        port = random.randint(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Instance:
    """Once started it runs until told otherwise; if it ends by itself, that is a violation."""

    def __init__(self, world, index, command, environment, folder):
        self.world = world
        self.index = index
        self.port = free_port()
        self.command = [*command, f"--addr=127.0.0.1:{self.port}"]
        self.environment = environment
        self.log = os.path.join(folder, f"instance-{index}.log")
        self.process = None
        self.expected = False  # to run

    async def start(self, may_fail=lambda: False):
        """Returns once it serves. As long as `may_fail`, one that ends is started again."""
        end = time.monotonic() + 30 * self.world.patience
        while True:
            with open(self.log, "ab") as log:
                start = log.tell()
                self.process = subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
                    env=self.environment, preexec_fn=_die_with_the_driver)
            while self.process.poll() is None and time.monotonic() < end:
                await asyncio.sleep(0.02)
                if re.search(rb" ready addr=", self._log_from(start)):
                    self.expected = True
                    return
            if self.process.poll() is None or not may_fail():
                raise Violation("start", f"instance {self.index} does not start", self.last_lines())
            self.world.counts["starts that failed"] += 1
            await asyncio.sleep(0.3)
            end = max(end, time.monotonic() + 10 * self.world.patience)

    def _log_from(self, start):
        with open(self.log, "rb") as log:
            log.seek(start)
            return log.read()

    def last_lines(self, count=15):
        with open(self.log, "rb") as log:
            log.seek(max(0, os.path.getsize(self.log) - 20000))
            return log.read().decode("utf-8", "replace").splitlines()[-count:]

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.expected = False
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    async def drain(self, limit=20):
        """Ends it as its operator would, which has to work."""
        self.expected = False
        self.signal(signal.SIGTERM)
        end = time.monotonic() + limit * self.world.patience
        while self.process.poll() is None and time.monotonic() < end:
            await asyncio.sleep(0.02)
        if self.process.poll() != 0:
            status = self.process.poll()
            self.kill()
            raise Violation("drain", f"instance {self.index} did not end well on SIGTERM: status {status}",
                            self.last_lines())

    def check(self):
        if self.expected and self.process.poll() is not None:
            self.expected = False
            raise Violation("died", f"instance {self.index} has ended by itself, with {self.process.poll()}",
                            self.last_lines(30))


class Redis:
    """A redis-server behind a socket in the folder; it forgets everything when it ends."""

    def __init__(self, folder):
        self.folder = folder
        self.path = os.path.join(folder, "redis.sock")
        self.url = f"redis+unix://{self.path}"
        self.process = None

    async def start(self):
        with open(os.path.join(self.folder, "redis.log"), "ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", "--port", "0", "--unixsocket", self.path, "--dir", self.folder,
                 "--save", "", "--appendonly", "no"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_the_driver)
        end = time.monotonic() + 20
        while not await self.command("PING"):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("redis-server does not start; its log is redis.log")
            await asyncio.sleep(0.05)

    async def command(self, line):
        """What it answers, or None."""
        try:
            reader, writer = await asyncio.open_unix_connection(self.path)
        except OSError:
            return None
        try:
            writer.write(line.encode() + b"\r\n")
            async with asyncio.timeout(5):
                return await reader.readline()
        except (OSError, TimeoutError):
            return None
        finally:
            writer.close()

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Database:
    """The SQLite file, and the disk that it is on, which is full as long as the file `full` is there."""

    def __init__(self, folder, full_disk):
        self.path = os.path.join(folder, "chat.db")
        self.full = os.path.join(folder, "full")
        self.environment = {"LD_PRELOAD": full_disk, "FULL_DISK": self.full}
        self.holder = None

    def fill_disk(self):
        open(self.full, "w").close()

    def free_disk(self):
        if os.path.exists(self.full):
            os.remove(self.full)

    async def lock(self):
        """As another program that writes; waits for its turn."""
        self.holder = sqlite3.connect(self.path, isolation_level=None, timeout=0)
        for _ in range(400):
            try:
                self.holder.execute("BEGIN EXCLUSIVE")
                return True
            except sqlite3.OperationalError:
                await asyncio.sleep(0.005)
        return False

    def unlock(self):
        if self.holder:
            self.holder.close()  # rolls back
            self.holder = None

    def connect(self):
        return sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=10)

    def last_numbers(self):
        """The last number of each room, by the room's id."""
        reader = self.connect()
        try:
            return dict(reader.execute(
                "SELECT id, (SELECT ifnull(max(seq), 0) FROM message WHERE room = number) FROM room"))
        finally:
            reader.close()
