#!/usr/bin/python3 -B
"""The benchmark's own instruments: what they must notice, they notice."""
from chat import *

TOOLS = os.path.join(os.path.dirname(CHATD), "test", "bench")
FAULTS = ("lost", "doubled", "reordered", "wrong", "misacknowledged", "errors", "bad", "gone", "failed")


class Bare:
    """A chatd-bare on a free port."""

    def __init__(self, *options):
        self.process = subprocess.Popen(
            [os.path.join(TOOLS, "chatd-bare"), f"--limit={int(60 * PATIENCE)}", *options],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        atexit.register(self.kill)
        self.address = self.process.stderr.readline().split("addr=")[1].strip()

    def kill(self):
        self.process.kill()
        self.process.wait()


class Load:
    """A chatd-load; `result` waits for its end and returns (exit status, what it says)."""

    def __init__(self, address, process, *options):
        self.process = subprocess.Popen(
            [os.path.join(TOOLS, "chatd-load"), f"--server={address}", f"--process={process.pid}",
             f"--limit={int(60 * PATIENCE)}", "--clients=20", "--warm-up=0", "--duration=0.3",
             "--quiet=0.2", *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)

    def result(self):
        output, _ = self.process.communicate(timeout=LIMIT * 3)
        return self.process.returncode, json.loads(output)


BARE = ("--no-list", "--no-acks", "--drain=2")


def faults_of(*options, load=()):
    """What is counted of a chatd-bare with these options, without what is 0."""
    server = Bare(*options)
    status, result = Load(server.address, server.process, *BARE, *load).result()
    server.kill()
    assert result["sent"] >= 5, result
    found = {key: result[key] for key in FAULTS if result[key]}
    equal(status, 1 if found else 0, f"exit status with {found}")
    return found, result


@test("a server without faults has none, one send a message or a batch")
def _():
    for options in (), ("--batch",):
        found, result = faults_of(*options)
        equal(found, {}, f"faults with {options}")
        assert result["cpu"] > 0 and result["memory"]["end"]["resident"] > 500, result


@test("many rooms at a steady rate have no faults either")
def _():
    found, result = faults_of(load=("--rooms=5", "--rate=500"))
    equal(found, {}, "faults")
    equal(result["sent"], 150, "messages that were due")
    # What came after the time is no delivery of it, but not lost either.
    assert result["deliveries"] <= 150 * 4, result


@test("a message that one member does not get is lost")
def _():
    found, _result = faults_of("--fault=lose", load=("--rate=1000",))
    equal(list(found), ["lost"], "faults")


@test("a message that one member gets twice is doubled")
def _():
    found, _result = faults_of("--fault=double", load=("--rate=1000",))
    equal(list(found), ["doubled"], "faults")


@test("a message that comes after the next one is reordered, and not lost")
def _():
    found, _result = faults_of("--fault=swap", load=("--rate=1000",))
    equal(list(found), ["reordered"], "faults")


@test("a message that nobody gets is lost for everybody")
def _():
    found, _result = faults_of("--fault=drop", load=("--rate=1000",))
    equal(set(found), {"lost", "wrong"}, "faults")
    equal(found["lost"] % 20, 0, "lost, of which each of 20 members has the same share")


@test("a message that is numbered twice is doubled for everybody")
def _():
    found, _result = faults_of("--fault=repeat", load=("--rate=1000",))
    equal(set(found), {"doubled", "wrong"}, "faults")
    equal(found["doubled"] % 20, 0, "doubled")


@test("a server that goes away is noticed")
def _():
    found, _result = faults_of("--fault=die", load=("--rate=1000",))
    equal(found["gone"], 20, "clients that are gone")
    assert found["lost"] > 0, found


@test("a pause of the server shows in the times of all messages that were due in it")
def _():
    found, result = faults_of("--fault=pause", load=("--rate=200", "--duration=1", "--drain=5"))
    equal(found, {}, "faults")
    equal(result["sent"], 200, "messages that were sent although the server stood still")
    assert result["latency"]["max"] >= 290e3, result["latency"]
    # 30 % of them waited, the latest of these only a little.
    assert result["latency"]["p90"] >= 100e3, result["latency"]


@test("chatd has no faults, acknowledges all, and tells everybody of everybody")
def _(server):
    status, result = Load(f"127.0.0.1:{server.port}", server.process, "--rooms=4",
                          f"--drain={LIMIT}").result()
    equal({key: result[key] for key in FAULTS if result[key]}, {}, "faults")
    equal(result["problem"], "", "problem")
    equal(result["connect"]["toldOfAll"], 20, "clients that were told of all")
    equal(status, 0, "exit status")


@test("with compression there are no faults either, and a fraction of the bytes; without it that is noticed")
def _(server):
    each = {}
    for options in ("--varied",), ("--varied", "--deflate"):
        status, result = Load(f"127.0.0.1:{server.port}", server.process, *options,
                              f"--drain={LIMIT}").result()
        equal((status, result["problem"]), (0, ""), "exit status and problem")
        each[options] = result["wireBytesEach"]
    plain, packed = each.values()
    assert packed < plain / 2, each
    with Server("--compression=off") as other:
        status, result = Load(f"127.0.0.1:{other.port}", other.process, "--deflate").result()
        equal((status, result["failed"], result["problem"][-24:]), (1, 20, "compression was declined"))


run()
