"""The scenarios: which cases each has, run after run in turn, and what is to be reached."""
from dataclasses import dataclass, field, replace


@dataclass
class Case:
    """One server under one load. `load` are options of chatd-load by name: True for a bare flag."""
    name: str
    load: dict
    server: str = "chatd"
    options: tuple = ()
    instances: int = 1
    redis: bool = False
    quick: dict | None = None  # what is different with --quick; None: not run there
    is_long: bool = False  # means nothing when it is shorter
    logins: int = 0  # a second, beside it
    limited: bool = False  # with the limits as they are
    hostile: int = 0  # hostile connections beside the load
    stored: int = 0  # messages that the database has from before; then reading is probed, too


@dataclass
class Goal:
    """`measure` gets the figures, a function (case, field, base case or None) → number or None."""
    what: str
    measure: object
    at_most: float | None = None
    at_least: float | None = None
    of_time: bool = True  # means nothing on a machine that others use; what is of CPU or memory does

    def is_reached(self, value):
        return ((self.at_most is None or value <= self.at_most)
                and (self.at_least is None or value >= self.at_least))


@dataclass
class Scenario:
    title: str
    cases: list
    goals: list = field(default_factory=list)
    tables: tuple = ("work",)
    runs: int = 5  # unless another number is asked for
    is_named: bool = False  # run only where it is asked for


RATE = "deliveriesPerSecond"
PER_CPU = "deliveriesPerCpu"


def limits(case, *kinds):
    """The same load on the limit."""
    return [case] + [replace(case, name=kind, server=kind, quick=None, options=(),
                             load={**case.load, "no-list": True, "no-acks": True})
                     for kind in kinds]


def ratio(case, key, base):
    return lambda figures: figures(case, key, base)


def value(case, key):
    return lambda figures: figures(case, key, None)


def _grown(case, key, begin, end, each):
    """KB that memory has grown by between two moments, for each of so many."""
    def measure(figures):
        first, last = (figures(case, f"memory.{moment}.{key}", None) for moment in (begin, end))
        return None if first is None else (last - first) / each
    return measure


def _difference(more, less, key, scale=1):
    def measure(figures):
        values = figures(more, key, None), figures(less, key, None)
        return None if None in values else (values[0] - values[1]) / scale
    return measure


def _milliseconds(case, key):
    return lambda figures: None if (us := figures(case, key, None)) is None else us / 1000


def _spread(cases, measure_of):
    """The dearest of the cases in terms of the cheapest."""
    def measure(figures):
        values = [measure_of(case)(figures) for case in cases]
        return None if None in values or min(values) <= 0 else max(values) / min(values)
    return measure


def _cost(case):
    def measure(figures):
        each = figures(case, PER_CPU, None)
        return 1 / each if each else None
    return measure


def _inverse(measure):
    return lambda figures: 1 / found if (found := measure(figures)) else None


def arriving(clients, **more):
    return {"clients": clients, "rooms": 0, "idle": True, "warm-up": 0, "duration": 2,
            "connect-rate": 6000, "connect-limit": 120, **more}


ONE_ROOM = {"clients": 100, "rooms": 1, "window": 32}
SHORT = {"warm-up": 0.3, "duration": 1}
SLOW = {"clients": 100, "rate": 200, "size": 2000, "duration": 45}
PEACEFUL = {"clients": 100, "rooms": 1, "rate": 200, "duration": 10}
TEAM = {"clients": 100, "rooms": 20, "rate": 300, "duration": 30}
PACED = {"clients": 10, "rooms": 10, "rate": 2000, "duration": 3}
MEMBERS = (10, 100, 1000, 10000)
CLIENTS = (1000, 5000, 19000)

def deflated(name, load):
    """The same load with and without compression."""
    return [Case(f"{name}, deflated", {**load, "varied": True, "deflate": True}),
            Case(f"{name}, plain", {**load, "varied": True}, options=("--compression=off",))]


DEFLATED = {
    "batches": ONE_ROOM,
    "small batches": {**ONE_ROOM, "window": 4},
    "singles": {"rooms": 1, "clients": 100, "rate": 200},
    "short singles": {"rooms": 1, "clients": 100, "rate": 200, "size": 40},
    "long singles": {"rooms": 1, "clients": 100, "rate": 200, "size": 1000},
    "100 rooms × 10": {"clients": 1000, "rooms": 100, "rate": 1000},
}

SCENARIOS = {
    "a": Scenario(
        "1 room × 100, one sender with 32 messages under way",
        limits(Case("chatd", ONE_ROOM, quick=SHORT), "bare", "bare-batch"),
        [Goal("per CPU-second, of bare-batch", ratio("chatd", PER_CPU, "bare-batch"), at_least=0.9, of_time=False),
         Goal("deliveries a second", value("chatd", RATE), at_least=5e6)]),
    "a1": Scenario(
        "the same, 1 message under way",
        limits(Case("chatd", {**ONE_ROOM, "window": 1}, quick=SHORT), "bare"),
        [Goal("p50, of bare", ratio("chatd", "latency.p50", "bare"), at_most=1.3),
         Goal("p99, of bare", ratio("chatd", "latency.p99", "bare"), at_most=1.5)]),
    "b": Scenario(
        "100 rooms × 10, 2,000 messages a second",
        limits(Case("chatd", {"clients": 1000, "rooms": 100, "rate": 2000},
                    quick={**SHORT, "clients": 300, "rooms": 30}), "bare"),
        [Goal("deliveries per CPU-second", value("chatd", PER_CPU), at_least=120e3, of_time=False)]),
    "c": Scenario(
        "1 room × 1,000, 20 messages a second",
        limits(Case("chatd", {"clients": 1000, "rate": 20, "duration": 10},
                    quick={**SHORT, "clients": 300}), "bare"),
        [Goal("p99, of bare", ratio("chatd", "latency.p99", "bare"), at_most=1.1)]),
    "d": Scenario(
        "idle clients",
        [Case("10,000", arriving(10000), quick=None), Case("19,000", arriving(19000))],
        [goal for name, clients in (("10,000", 10000), ("19,000", 19000)) for goal in (
            Goal(f"{name}: resident KB a client",
                 _grown(name, "resident", "start", "end", clients), at_most=1.0, of_time=False),
            Goal(f"{name}: clients connected a second", value(name, "connect.perSecond"),
                 at_least=5000),
            Goal(f"{name}: ms of CPU to connect one", value(name, "connect.cpuMsEach"),
                 at_most=0.5, of_time=False))],
        tables=("arrival",), runs=3),
    "e": Scenario(
        "2 instances with Redis, 1 room × 100, one sender with 32 under way",
        [Case("chatd", ONE_ROOM, instances=2, quick=SHORT)],
        [Goal("deliveries a second", value("chatd", RATE), at_least=2.5e6),
         Goal("per CPU-second, Redis's too", value("chatd", "deliveriesPerAllCpu"), at_least=1.5e6, of_time=False)]),
    "f": Scenario(
        "1 room × 100, 200 messages a second of 2,000 bytes; one more client that never reads",
        [Case("without", SLOW, is_long=True),
         Case("with", {**SLOW, "clients": 101, "silent": 1}, is_long=True,
              quick={"rate": 1000, "warm-up": 0.2, "duration": 6})],
        [Goal("p99, of that without", ratio("with", "latency.p99", "without"), at_most=1.2),
         Goal("MB resident for it, at the most", _difference("with", "without", "memory.end.peak", 1024),
              at_most=1, of_time=False)],
        runs=3),
    "g": Scenario(
        "rooms × 2, 2,000 messages a second over all",
        [Case("5,000 rooms", {"clients": 10000, "rooms": 5000, "rate": 2000, "connect-limit": 120},
              quick={**SHORT, "clients": 400, "rooms": 200}),
         Case("2,000, Redis", {"clients": 4000, "rooms": 2000, "rate": 2000}, redis=True)],
        [Goal("resident KB a room", _grown("5,000 rooms", "resident", "connected", "joined", 5000),
              at_most=24, of_time=False),
         Goal("p99, ms", lambda figures: figures("5,000 rooms", "latency.p99", None) / 1000, at_most=10),
         Goal("p99 with Redis and 2,000 rooms, ms",
              lambda figures: figures("2,000, Redis", "latency.p99", None) / 1000, at_most=10)],
        runs=3),
    "h": Scenario(
        "appends: 100 rooms × 1, each with 32 messages under way",
        [Case("process", {"clients": 100, "rooms": 100}, quick=SHORT),
         Case("full", {"clients": 100, "rooms": 100}, options=("--durability=full",))],
        [Goal("messages a second", value("process", RATE), at_least=100e3)]),
    "i": Scenario(
        "cost of a delivery and of a connection, few and many",
        [Case(f"{n} members", {"clients": n, "under-way": 1000}) for n in MEMBERS]
        + [Case(f"{n} clients", arriving(n)) for n in CLIENTS],
        [Goal("CPU of a delivery, dearest of cheapest",
              _spread([f"{n} members" for n in MEMBERS], _cost), at_most=1.2, of_time=False),
         Goal("CPU of a connection, dearest of cheapest",
              _spread([f"{n} clients" for n in CLIENTS],
                      lambda case: value(case, "connect.cpuMsEach")), at_most=1.2, of_time=False)],
        tables=("work", "arrival"), runs=3),
    "k": Scenario(
        "clients that connect all at once, list of who is online, until quiet",
        [Case("1,000", arriving(1000, **{"connect-rate": 0, "connecting": 1000, "duration": 0.5}),
              quick={"clients": 200, "connecting": 200}),
         Case("5,000", arriving(5000, **{"connect-rate": 0, "connecting": 5000, "duration": 0.5}))],
        [Goal("1,000: seconds until quiet", value("1,000", "connect.quietSeconds"), at_most=1.0),
         Goal("1,000: seconds of CPU", value("1,000", "connect.cpu"), at_most=1.0, of_time=False),
         Goal("5,000: seconds until quiet", value("5,000", "connect.quietSeconds"), at_most=5.0),
         Goal("5,000: seconds of CPU", value("5,000", "connect.cpu"), at_most=5.0, of_time=False)],
        tables=("arrival",)),
    "hostile": Scenario(
        "20 rooms × 5, 300 messages a second, beside 1,000 connections that are half open, slow, deaf, flooding or "
        "malformed, from 4 addresses; with the limits as they are",
        [Case("without", TEAM, limited=True, quick=None),
         Case("with", TEAM, limited=True, hostile=1000, quick={**SHORT, "duration": 2})],
        [Goal("p99, of that without", ratio("with", "latency.p99", "without"), at_most=20),
         Goal("MB resident for them, at the most", _difference("with", "without", "memory.end.peak", 1024),
              at_most=256, of_time=False)],
        runs=3, is_named=True),
    "large": Scenario(
        "1 room × 10,000, one sender with 32 under way",
        limits(Case("chatd", {"clients": 10000, "under-way": 1000}), "bare-batch"),
        runs=3),
    "deflate": Scenario(
        "bytes on the wire and CPU with permessage-deflate; who is online is the list that 1,000 are told",
        sum((deflated(name, load) for name, load in DEFLATED.items()), [])
        + deflated("who is online", arriving(1000)),
        [Goal(f"{name}: bytes on the wire, of those without",
              ratio(f"{name}, deflated", "wireBytesEach", f"{name}, plain"), at_most=0.5, of_time=False)
         for name in DEFLATED]
        + [Goal("who is online: bytes on the wire, of those without",
                ratio("who is online, deflated", "connect.megabytes", "who is online, plain"),
                at_most=0.5, of_time=False)]
        + [Goal(f"{name}: CPU of a delivery, of that without",
                _inverse(ratio(f"{name}, deflated", PER_CPU, f"{name}, plain")), at_most=1.1, of_time=False)
           for name in DEFLATED],
        tables=("wire", "arrival"), runs=3, is_named=True),
    "logins": Scenario(
        "1 room × 100, 200 messages a second, without and with 50 logins a second",
        [Case("without", PEACEFUL), Case("with", PEACEFUL, logins=50, quick=SHORT)],
        [Goal("p99 without, ms", _milliseconds("without", "latency.p99"), at_most=5),
         Goal("p99 with, of that without", ratio("with", "latency.p99", "without"), at_most=2),
         Goal("logins answered a second", value("with", "logins.perSecond"), at_least=5)],
        runs=3),
    "size": Scenario(
        "the same with few and with many stored messages: 10 rooms, 2,000 messages a second",
        [Case("1 k", PACED, stored=1000), Case("10 M", PACED, stored=10_000_000)],
        [Goal(f"{what}, of that with 1 k", measure, at_most=1.2, of_time=what.startswith("time"))
         for what, measure in (
            ("CPU of a message", lambda figures: 1 / figures("10 M", PER_CPU, "1 k")),
            ("time of joining", ratio("10 M", "probe.join", "1 k")),
            ("time of resuming", ratio("10 M", "probe.resume", "1 k")),
            ("time of a page of history", ratio("10 M", "probe.page", "1 k")),
            ("time of that page once more", ratio("10 M", "probe.again", "1 k")))],
        tables=("work", "probe"), runs=3, is_named=True),
}
