"""What is measured: chatd, alone or several with Redis, and the limit. Each has a folder of its own."""
import ctypes
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD") or os.path.join(TOP, "build")
CHATD = os.path.join(BUILD, "chatd")
LOAD = os.path.join(BUILD, "test", "bench", "chatd-load")
BARE = os.path.join(BUILD, "test", "bench", "chatd-bare")
PATIENCE = float(os.environ.get("PATIENCE", 1))
START_LIMIT = 30 * PATIENCE  # seconds


def _prepare():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: nothing outlives the benchmark
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(20000, most), most))


def spawn(command, **settings):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CHATD_")}
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_prepare,
                            env=environment, **settings)


def end(process):
    if process.poll() is None:
        process.kill()
    process.wait()


def _until(condition, what):
    limit = time.monotonic() + START_LIMIT
    while not (found := condition()):
        if time.monotonic() > limit:
            raise RuntimeError(f"not within {START_LIMIT:.0f} s: {what}")
        time.sleep(0.01)
    return found


def children(pid):
    """The ids of its child processes."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[1]) == pid:
            found.append(int(entry))
    return found


class Servers:
    """`kind` is chatd, bare or bare-batch. `instances` more than one, or `redis`, brings a Redis.

    `database` is a file to go on with, instead of a new one. `limited`: with the limits as they are.
    """

    def __init__(self, kind, options=(), instances=1, redis=False, database=None,
                 limited=False):
        self.folder = tempfile.mkdtemp(prefix="chatd-bench-")
        self.processes = []
        self.helpers = []
        self.addresses = []
        try:
            if redis or instances > 1:
                options = [*options, self._start_redis()]
            for i in range(instances):
                if kind == "chatd":
                    database = database or os.path.join(self.folder, "chat.db")
                    command = [CHATD, "--addr=127.0.0.1:0", f"--db={database}",
                               *([] if limited else ["--limits=none"]), *options]
                else:
                    command = [BARE, *(["--batch"] if kind == "bare-batch" else []), *options]
                self._start(command, os.path.join(self.folder, f"log-{i}"))
        except BaseException:
            self.stop()
            raise

    def _start(self, command, log):
        with open(log, "wb") as file:
            process = spawn(command, stdout=file, stderr=file)
        self.processes.append(process)

        def address():
            with open(log) as file:
                text = file.read()
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} has ended: {text[-500:]}")
            return re.search(r"ready addr=(\S+:\d+)\s", text)

        self.addresses.append(_until(address, "the server is ready").group(1))

    def _start_redis(self):
        path = os.path.join(self.folder, "redis.sock")
        with open(os.path.join(self.folder, "redis.log"), "wb") as file:
            self.helpers.append(spawn(
                ["redis-server", "--port", "0", "--unixsocket", path, "--dir", self.folder,
                 "--save", "", "--appendonly", "no"], stdout=file, stderr=file))
        _until(lambda: os.path.exists(path), "Redis listens")
        return f"--redis=redis+unix://{path}"

    def stop(self):
        """At once: what they have stored is of no use to anybody."""
        for process in self.processes + self.helpers:
            end(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
