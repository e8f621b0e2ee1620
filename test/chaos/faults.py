"""What is done to the instances, to what they need, and to the clients: a schedule that follows from the seed."""
import asyncio
import random
import signal
import traceback
from collections import namedtuple

from history import Violation

Fault = namedtuple("Fault", "at kind target seconds")

# What it is done to, and for how long: (share of long ones, short from, to, long from, to)
KINDS = {
    "kill-instance": ("instance", 0.2, 0.0, 0.5, 1, 4),
    "stop-instance": ("instance", 0.4, 0.1, 2, 4, 9),  # a lease is 6 s
    "drain-instance": ("instance", 0.2, 0.0, 0.5, 1, 3),
    "kill-redis": ("redis", 0.3, 0.0, 0.5, 1, 4),
    "stop-redis": ("redis", 0.3, 0.1, 1, 2, 6),
    "drop-subscriptions": ("redis", 0, 0, 0, 0, 0),
    "drop-publishers": ("redis", 0, 0, 0, 0, 0),
    "cut": ("device", 0, 0, 0, 0, 0),
    "hang-up": ("device", 0, 0, 0, 0, 0),
    "stop-reading": ("device", 0.4, 0.2, 2, 3, 8),
    "full-disk": ("database", 0.3, 0.2, 1.5, 2, 4),
    "lock-database": ("database", 0.4, 0.1, 1.5, 2.5, 5),  # chatd waits 2 s
}


def schedule(seed, seconds, instances, devices, kinds=None, pause=0.7):
    """Every kind comes as often as any other; what is done to one target does not overlap."""
    generator = random.Random(f"{seed}/faults")
    free_at = {}  # by target
    deck = []
    faults = []
    at = 1.0
    while at < seconds - 0.5:
        if not deck:
            deck = list(kinds or KINDS)
            generator.shuffle(deck)
        kind = deck.pop()
        what, long_share, *spans = KINDS[kind]
        low, high = spans[2:] if generator.random() < long_share else spans[:2]
        lasts = min(generator.uniform(low, high), seconds - at)
        if what == "device":
            count = generator.randint(1, max(1, devices // (2 if kind == "cut" else 4)))
            target = tuple(sorted(generator.sample(range(devices), count)))
            faults.append(Fault(at, kind, target, lasts))
        else:
            target = (what, generator.randrange(instances) if what == "instance" else 0)
            begin = max(at, free_at.get(target, 0))
            if begin + lasts < seconds:
                faults.append(Fault(begin, kind, target[1], lasts))
                # One that ends takes its time, and so does one that starts.
                free_at[target] = begin + lasts + 0.5
        at += generator.expovariate(1 / pause) + 0.05
    return sorted(faults)


class Faults:
    def __init__(self, world, redis, database, seed, faults):
        self.world = world
        self.redis = redis
        self.database = database
        self.faults = faults
        self.random = random.Random(f"{seed}/cuts")
        self.hindrances = 0  # to writing the database; an instance that is stopped may have it locked
        self.busy = {}  # by what it is and which one: it is down, coming or going

    async def run(self):
        """Returns once all is mended."""
        start = self.world.now()
        under_way = []
        for fault in self.faults:
            await asyncio.sleep(max(0, start + fault.at - self.world.now()))
            under_way.append(asyncio.create_task(self._do(fault)))
            under_way = [each for each in under_way if not each.done()]
        await asyncio.gather(*under_way)

    async def _do(self, fault):
        try:
            do = getattr(self, "_" + fault.kind.replace("-", "_"))
            what = KINDS[fault.kind][0]
            if what != "device":  # on a busy machine one that starts takes longer than planned
                async with self.busy.setdefault((what, fault.target), asyncio.Lock()):
                    await self._noted(do, fault)
            else:
                await self._noted(do, fault)
        except Violation as violation:
            self.world.violated(violation)
        except Exception as error:  # a fault that was not done proves nothing
            self.world.violated(Violation("driver", f"{fault.kind} failed: {type(error).__name__}: {error}",
                                          traceback.format_exc().splitlines()[-6:]))

    async def _noted(self, do, fault):
        where = "" if KINDS[fault.kind][0] in ("redis", "database") else f" {fault.target}"
        self.world.step(f"{fault.kind}{where} for {fault.seconds:.1f} s")
        self.world.counts["fault " + fault.kind] += 1
        await do(fault)
        if fault.seconds:
            self.world.step(f"{fault.kind}{where} is over")

    # ---- instances ------------------------------------------------------------------------------

    async def _kill_instance(self, fault):
        instance = self.world.instances[fault.target]
        instance.kill()
        await asyncio.sleep(fault.seconds)
        await instance.start(lambda: self.hindrances)

    async def _drain_instance(self, fault):
        instance = self.world.instances[fault.target]
        await instance.drain()
        await asyncio.sleep(fault.seconds)
        await instance.start(lambda: self.hindrances)

    async def _stop_instance(self, fault):
        instance = self.world.instances[fault.target]
        self.hindrances += 1
        instance.signal(signal.SIGSTOP)
        await asyncio.sleep(fault.seconds)
        instance.signal(signal.SIGCONT)
        await self._hinders_no_more()

    # ---- Redis ----------------------------------------------------------------------------------

    async def _kill_redis(self, fault):
        self.redis.kill()
        await asyncio.sleep(fault.seconds)
        await self.redis.start()

    async def _stop_redis(self, fault):
        self.redis.signal(signal.SIGSTOP)
        await asyncio.sleep(fault.seconds)
        self.redis.signal(signal.SIGCONT)

    async def _drop_subscriptions(self, fault):
        await self.redis.command("CLIENT KILL TYPE pubsub")

    async def _drop_publishers(self, fault):
        await self.redis.command("CLIENT KILL TYPE normal")

    # ---- the database ---------------------------------------------------------------------------

    async def _full_disk(self, fault):
        self.hindrances += 1
        self.database.fill_disk()
        await asyncio.sleep(fault.seconds)
        self.database.free_disk()
        await self._hinders_no_more()

    async def _lock_database(self, fault):
        self.hindrances += 1
        if await self.database.lock():
            await asyncio.sleep(fault.seconds)
        self.database.unlock()
        await self._hinders_no_more()

    async def _hinders_no_more(self):
        await asyncio.sleep(1)  # who gave up because of it ends a moment later
        self.hindrances -= 1

    # ---- clients --------------------------------------------------------------------------------

    def _devices(self, fault):
        return [self.world.devices[index] for index in fault.target]

    async def _cut(self, fault):
        for device in self._devices(fault):
            if not device.is_there():
                continue
            place = self.random.choice(device.places)
            if place.joined:
                device.outbox.say_cut(place, self.random.random())
            else:
                device.hang_up("cut")

    async def _hang_up(self, fault):
        for device in self._devices(fault):
            device.hang_up("closed", 1000)

    async def _stop_reading(self, fault):
        stopped = [each for each in self._devices(fault) if each.is_there()]
        stopped = [(each, each.websocket) for each in stopped]
        for _, websocket in stopped:
            websocket.pause()
        await asyncio.sleep(fault.seconds)
        for _, websocket in stopped:
            websocket.resume()
