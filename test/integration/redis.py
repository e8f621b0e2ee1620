"""What the tests of several instances share: a redis-server of their own, and instances on it."""
import statistics

from chat import *


LATE = 5 * PATIENCE  # seconds that a message may take to the other instance without Redis: one, and a busy machine


class RedisError(Exception):
    """What Redis answered with an error."""


class Connection:
    """A connection to Redis, of a foreign client or of whoever looks after it."""

    def __init__(self, path, *credentials):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(LIMIT)
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise
        self.file = self.socket.makefile("rb")
        if credentials:
            self.command("AUTH", *credentials)

    def send(self, *words):
        words = [each if isinstance(each, bytes) else str(each).encode() for each in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(
            b"$%d\r\n%s\r\n" % (len(each), each) for each in words))

    def reply(self):
        line = self.file.readline()
        if not line:
            raise EOFError("Redis has closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        if kind == b"$" and int(rest) >= 0:
            return self.file.read(int(rest) + 2)[:-2]
        return {b"+": rest, b":": int(rest) if kind == b":" else None}.get(kind)

    def command(self, *words):
        self.send(*words)
        return self.reply()

    def close(self):
        self.file.close()
        self.socket.close()


class Redis:
    """A redis-server behind a socket in a folder of its own. It keeps its place when it restarts."""

    def __init__(self, *options, start=True):
        self.folder = temporary_folder()
        self.path = os.path.join(self.folder, "redis.sock")
        self.options = options
        self.credentials = ()  # for this class's own commands
        self.process = None
        atexit.register(self.kill)
        if start:
            self.start()

    def url(self, credentials=""):
        """`credentials` is "user:password@" or a part of it."""
        return f"redis+unix://{credentials}{self.path}"

    def start(self):
        def prepare():
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: never outlive the test

        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path, "--dir", self.folder,
             "--save", "", "--appendonly", "no", *self.options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=prepare)
        until(self._answers, "redis-server answers")

    def _answers(self):
        equal(self.process.poll(), None, "exit status of redis-server")
        try:
            connection = Connection(self.path)
        except OSError:
            return False
        try:
            connection.command("PING")
        except RedisError as error:
            return str(error).startswith("NOAUTH")
        finally:
            connection.close()
        return True

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def pause(self):
        pause(self.process)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def connect(self):
        return Connection(self.path, *self.credentials)

    def command(self, *words):
        connection = self.connect()
        try:
            return connection.command(*words)
        finally:
            connection.close()

    def clients(self, pattern=r"chatd:"):
        """The names in CLIENT LIST that match."""
        lines = self.command("CLIENT", "LIST").decode().splitlines()
        names = [re.search(r" name=(\S*)", line).group(1) for line in lines]
        return [name for name in names if re.search(pattern, name)]

    def kill_subscriptions(self):
        """Returns how many there were."""
        return self.command("CLIENT", "KILL", "TYPE", "pubsub")


class Listener:
    """A foreign client that keeps what is published on channels."""

    def __init__(self, redis, *channels):
        self.connection = redis.connect()
        for each in channels:
            self.connection.command("SUBSCRIBE", each)

    def next(self):
        """The next one: (channel, payload)."""
        kind, channel, payload = self.connection.reply()
        equal(kind, b"message")
        return channel.decode(), payload

    def until(self, *texts):
        """Returns the payloads from now on, up to the one with the last of the texts in it.

        Each of them has to be in one, in this order; several may share one.
        """
        payloads = []
        for each in texts:
            while not payloads or each.encode() not in payloads[-1]:
                payloads.append(self.next()[1])
        return payloads

    def close(self):
        self.connection.close()


def health(server):
    status, _, body = server.request("/healthz")
    equal(status, 200, "status of /healthz")
    return json.loads(body)


class Cluster:
    """Instances on one database and, unless `redis` is given, one Redis of their own.

    `url` replaces that of the Redis; with False there is no such option. With `ready` they are
    there once each of them hears the others through Redis.
    """

    def __init__(self, count, *options, redis=None, url=None, ready=True, **settings):
        self.redis = redis or Redis()
        self.folder = temporary_folder()
        self.options = (*options, *([f"--redis={url or self.redis.url()}"] if url is not False else []))
        self.settings = settings
        self.servers = []
        for _ in range(count):
            self.add()
        if ready:
            until(self.is_ok, "all instances are ok")

    def add(self):
        self.servers.append(Server(*self.options, folder=self.folder, **self.settings))
        return self.servers[-1]

    def is_ok(self):
        return all(health(each)["status"] == "ok" for each in self.servers
                   if each.process.poll() is None)

    async def until_ok(self):
        """Every room of every instance hears the others through Redis."""
        await until_async(self.is_ok, "all instances are ok")

    def metric(self, name):
        """The sum over the instances."""
        return sum(each.metric(name) for each in self.servers)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        running = [each for each in self.servers if each.process.poll() is None]
        try:
            if kind is None:  # all at once, as each takes its time
                for each in running:
                    each.terminate()
                for each in running:
                    equal(each.wait(), 0, "exit status")
        finally:
            for each in self.servers:
                each.kill()
            self.redis.kill()


async def connect_each(cluster, *names):
    """A client on each of the instances, the first name's on the first one."""
    return [await Client.connect(server, name) for server, name in zip(cluster.servers, names)]


async def join_all(clients, name):
    """All join the room; returns its id."""
    rooms = set([await each.join(name) for each in clients])
    equal(len(rooms), 1, "ids of one room")
    return rooms.pop()


async def all_hear(clients, room, count):
    """Waits for `count` messages; checks that nobody misses one, has one twice or out of order."""
    for each in clients:
        await until_async(lambda: len(chats(each, room)) >= count, f"{each.name} has {count} messages")
    for each in clients:
        await each.round_trip()
        equal([seq for seq, _ in chats(each, room)], list(range(1, count + 1)), each.name)
        equal(chats(each, room), chats(clients[0], room), f"what {each.name} heard")


async def pair(cluster, name):
    """Two users on two instances, who know of each other and are in one room: (ann, bob, room)."""
    ann, bob = await connect_each(cluster, "Ann", "Bob")
    await until_async(lambda: bob.id in online(ann) and ann.id in online(bob), "both are online")
    return ann, bob, await join_all((ann, bob), name)


async def is_late_at_most(ann, bob, room, first, count):
    """Ann posts the messages `first` and so on at odd times: she has them at once, Bob in time."""
    times = []
    for seq in range(first, first + count):
        said = time.monotonic()
        equal((await ann.post(room, f"text {seq}"))["seq"], seq)
        await ann.expect("send-message", seq=seq)
        times.append(time.monotonic() - said)
        await bob.expect("send-message", seq=seq, limit=said + LATE - time.monotonic())
        await asyncio.sleep(0.13)
    assert statistics.median(times) < 0.5 * PATIENCE, f"{times} s on the same instance"


async def is_degraded(cluster):
    """All instances notice it; they keep serving, as health() checks."""
    await until_async(lambda: all(health(each)["status"] == "degraded" for each in cluster.servers),
                      "all are degraded")


async def is_mended(cluster, ann, bob, room):
    """Redis is there again: all is well by itself, and it is Redis that brings the messages."""
    await cluster.until_ok()
    last = chats(ann, room)[-1][0] if chats(ann, room) else 0
    # What is read once the subscription stands is counted as repaired, too.
    await until_async(lambda: len(chats(bob, room)) == last, "Bob has all there is")
    received = cluster.servers[1].metric("chatd_bus_received_total")
    await ann.post(room, "through Redis again")
    await all_hear((ann, bob), room, last + 1)
    await until_async(lambda: cluster.servers[1].metric("chatd_bus_received_total") > received,
                      "Redis brings it")
