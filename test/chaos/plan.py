"""What a run consists of: it follows from the seed, but for what was asked for."""
import random

from client import Device
from place import Place
from world import User


class Plan:
    def __init__(self, options):
        generator = random.Random(f"{options.seed}/plan")
        self.instances = generator.choice((1, 2, 2, 3, 3))
        self.clients = generator.randint(12, 24)
        self.rooms = generator.randint(3, 6)
        self.rate = generator.randint(80, 240)
        self.settings = {
            "resume-limit": generator.choice((20, 100, 500)),
            "presence-grace": generator.choice((0, 1000, 10000)),
            "room-grace": generator.choice((0, 500, 5000)),
            "outbox": generator.choice((65536, 1048576)),
        }
        for name in "instances", "clients", "rooms", "rate":
            if getattr(options, name):
                setattr(self, name, getattr(options, name))

    def __str__(self):
        return (f"{self.instances} instances, {self.clients} clients, {self.rooms} rooms, "
                f"{self.rate} messages a second, " +
                " ".join(f"--{name}={value}" for name, value in self.settings.items()))


def settle_in(world, plan, seed):
    """The users, their devices and their places."""
    generator = random.Random(f"{seed}/places")
    users = []
    while len(world.devices) < plan.clients:
        users.append(User(len(users)))
        for number in range(1 + (generator.random() < 0.3)):
            world.devices.append(Device(world, len(world.devices), users[-1], number == 0, seed))
            world.checker.add_sender()
    for index in range(plan.rooms):
        name = f"room {index}"
        world.add_room(name, name)
        # The first room has everybody, each other one at least two.
        for device in world.devices:
            if index == 0 or device.index in (index, index + 1) or generator.random() < 0.4:
                device.places.append(Place(device, name, name, name=name,
                                           from_start=generator.random() < 0.5))
    for _ in range(len(users) // 3):
        pair = generator.sample(users, 2)
        key = frozenset(each.name for each in pair)
        if key in world.rooms:
            continue
        name = " and ".join(sorted(key))
        world.add_room(key, name)
        for device in world.devices:
            if device.user in pair:
                peer = pair[1 - pair.index(device.user)]
                device.places.append(Place(device, key, name, peer=peer, asks=device.user is pair[0],
                                           from_start=True))
    return users
