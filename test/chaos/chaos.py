#!/usr/bin/python3 -B
"""Instances of chatd, their Redis and their clients under a seeded schedule of faults; then all that
was sent, acknowledged, received and stored has to fit together. Ends with 1 where it does not.

CHATD and FULL_DISK_LIBRARY name what is to be used; ARTEFACTS the folder for what is kept of a failure.
"""
import argparse
import asyncio
import os
import random
import secrets
import shutil
import signal
import sys
import tempfile
import traceback

from faults import KINDS, Faults, schedule
from history import Violation
from instances import Database, Instance, Redis
from plan import Plan, settle_in
from report import report, report_failure
from said import DELETE, EDIT, entry_of_row
from world import World

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHATD = os.environ.get("CHATD") or os.path.join(TOP, "chatd")
FULL_DISK = os.environ.get("FULL_DISK_LIBRARY") or os.path.join(TOP, "build/test/tools/full_disk.so")
ARTEFACTS = os.environ.get("ARTEFACTS") or os.path.join(TOP, "artefacts")
PATIENCE = float(os.environ.get("PATIENCE", 1))


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", default="", help="any string; printed when none is given")
    for name in "instances", "clients", "rooms", "rate":
        parser.add_argument(f"--{name}", type=int, help="default: what the seed says")
    parser.add_argument("--faults", help=f"some of {', '.join(KINDS)}, separated by commas; default: all")
    options = parser.parse_args(arguments)
    options.faults = options.faults and options.faults.split(",")
    if options.faults and not set(options.faults) <= set(KINDS):
        parser.error(f"--faults: {set(options.faults) - set(KINDS)}")
    options.seed = options.seed or secrets.token_hex(4)
    return options


async def talk(world, plan, seed):
    """Until cancelled."""
    generator = random.Random(f"{seed}/talk")
    start, said = world.now(), 0
    while True:
        due = int((world.now() - start) * plan.rate)
        if due - said > plan.rate:  # this process was held up
            said = due - plan.rate
        while said < due:
            device = generator.choice(world.devices)
            place = generator.choice(device.places)
            count = generator.randint(5, 30) if generator.random() < 0.02 else 1
            said += count
            if place.room is not None:
                device.outbox.say(place, count)
            if generator.random() < 0.02:
                device.outbox.say_again()
            if generator.random() < 0.12:
                device.outbox.change(DELETE if generator.random() < 0.3 else EDIT)
            if generator.random() < 0.03:
                device.outbox.delete_foreign()
        await asyncio.sleep(0.01)


async def watch(world):
    """Sees instances that end by themselves; until cancelled."""
    while True:
        for instance in world.instances:
            try:
                instance.check()
            except Violation as violation:
                world.violated(violation)
        await asyncio.sleep(0.1)


async def until(world, lacks, what, limit):
    """Waits until nothing is lacking."""
    end = world.now() + limit * world.patience
    while (lacking := lacks()) and not world.failed.is_set():
        if world.now() > end:
            raise Violation("not-settled", f"not within {limit * world.patience:.0f} s: {what}", lacking[:12])
        await asyncio.sleep(0.1)


def not_in_place(world):
    return [f"{place.history.title}: not joined" for device in world.devices
            for place in device.places if not place.joined]


def all_is_there(world, database):
    """What the devices lack of what is stored."""
    try:
        numbers = database.last_numbers()
    except Exception as error:
        return [f"the database cannot be read: {error}"]
    last_of = {index: numbers.get(id, 0) for index, id in world.ids.items()}
    return [line for device in world.devices for line in device.lacks(last_of)]


def all_are_seen(world):
    """Which devices see others online than those who are."""
    expected = {device.user.id: device.user.name for device in world.devices}
    lacking = []
    for device in world.devices:
        if device.online != expected:
            missing = [name for id, name in expected.items() if id not in device.online]
            ghosts = [each for each in device.online.items() if each[0] not in expected]
            lacking.append(f"device {device.index} does not see {missing}, and sees {ghosts}")
    return lacking


def entries(world, room, rows):
    """A room's entries; none may have been written while its writer might not."""
    for ts, *row in rows:
        entry = entry_of_row(*row)
        world.sanctions.check(room, entry, ts, world.checker.rooms[room].name)
        yield entry


def check_stored(world, database):
    reader = database.connect()
    try:
        for index, id in world.ids.items():
            world.checker.stored(index, entries(world, index, reader.execute(
                "SELECT each.ts, each.seq, each.sender_id, each.client_id, each.text, each.kind, each.of, each.changed, "
                "change.kind FROM message AS each LEFT JOIN message AS change "
                "ON change.place = each.place - each.seq + nullif(each.changed, 0) "
                "WHERE each.room = (SELECT number FROM room WHERE id = ?) ORDER BY each.place", (id,))))
        world.checker.all_acked()
    finally:
        reader.close()


def start(world, coroutine):
    """As a task; this program's own failure ends the run."""
    def is_done(task):
        if not task.cancelled() and task.exception():
            lines = traceback.format_exception(task.exception())
            world.violated(Violation("driver", "has failed itself", "".join(lines).splitlines()))

    task = asyncio.create_task(coroutine)
    task.add_done_callback(is_done)
    return task


async def first_of(*tasks):
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def run(options, plan, folder, world):
    database = Database(folder, FULL_DISK)
    redis = Redis(folder)
    failed = start(world, world.failed.wait())
    tasks = [failed]
    try:
        await redis.start()
        await start_instances(world, plan, folder, database, redis)
        settle_in(world, plan, options.seed)
        tasks += [start(world, each.run()) for each in world.devices]
        tasks.append(start(world, watch(world)))
        await until(world, lambda: not_in_place(world), "all are in their rooms", 30)
        world.is_quiet = False
        talking = start(world, talk(world, plan, options.seed))
        faults = Faults(world, redis, database, options.seed, schedule(
            options.seed, options.seconds, plan.instances, plan.clients, options.faults))
        world.step("the faults begin")
        trouble = start(world, faults.run())
        rest = start(world, asyncio.sleep(options.seconds))
        tasks += [talking, trouble, rest]
        await first_of(rest, failed)
        await first_of(trouble, failed)
        talking.cancel()
        world.is_quiet = True
        world.step("the faults are over")
        await until(world, lambda: all_is_there(world, database), "everybody has everything", 30)
        await until(world, lambda: all_are_seen(world), "everybody sees who is online", 25)
        if not world.failed.is_set():
            check_stored(world, database)
    except Violation as violation:
        world.violated(violation)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        database.unlock()
        for device in world.devices:
            if device.websocket:
                device.websocket.abandon()
        await asyncio.gather(*(end(world, each) for each in world.instances))
        redis.kill()


async def start_instances(world, plan, folder, database, redis):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CHATD_")}
    command = [CHATD, "--limits=none", f"--db={database.path}", f"--redis={redis.url}",
               *(f"--{name}={value}" for name, value in plan.settings.items())]
    for index in range(plan.instances):
        world.instances.append(
            Instance(world, index, command, {**environment, **database.environment}, folder))
        await world.instances[-1].start()


async def end(world, instance):
    """Where all was well, it ends as it should."""
    if world.failed.is_set() or not instance.expected:
        instance.kill()
        return
    try:
        await instance.drain()
    except Violation as violation:
        world.violated(violation)


def main():
    options = parse()
    plan = Plan(options)
    print(f"chaos: seed {options.seed}, {options.seconds:.0f} s: {plan}", flush=True)
    folder = tempfile.mkdtemp(prefix="chatd-chaos-")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    world = World(PATIENCE)
    try:
        asyncio.run(run(options, plan, folder, world))
        report(world)
        if world.violations:
            report_failure(options, world, folder, ARTEFACTS)
            sys.exit(1)
        print("chaos: no violation")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
