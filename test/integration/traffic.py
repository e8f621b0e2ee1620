#!/usr/bin/python3 -B
"""Many members of one room on several instances, who talk and count what they hear.

Run by hand it measures: traffic.py [--clients=200] [--rate=100] [--seconds=30] kills all
subscriptions of two instances once a second meanwhile, and prints what became of the messages.
"""
import argparse

from redis import *

HEARD = re.compile(rb'"message":"(said-\d+)","target":{[^}]*},"sender":{[^}]*},"seq":(\d+)')
ACKED = re.compile(rb'"action":"message-ack","id":"(said-\d+)","target":{[^}]*},"seq":(\d+)')


class Member(asyncio.Protocol):
    """A client that only keeps what comes: cheap, so that there can be hundreds of them."""

    def __init__(self, number):
        self.number = number
        self.data = bytearray()
        self.answer = None  # (what is waited for, future)
        self.ended = False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.data += data
        if self.answer and self.answer[0] in self.data:
            self.answer[1].set_result(None)
            self.answer = None

    def connection_lost(self, error):
        self.ended = True

    async def ask(self, request, answer):
        self.answer = answer, asyncio.get_running_loop().create_future()
        future = self.answer[1]
        self.transport.write(request)
        await asyncio.wait_for(future, LIMIT)

    async def join(self, server, room):
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", server.port)
        await self.ask(upgrade_request(f"Member {self.number}"), b'"welcome"')
        join = json.dumps({"action": "join-room", "message": room})
        await self.ask(frame(TEXT, join), b'"room-joined"')
        self.room = re.search(rb'"room-joined","target":{"id":"([^"]+)"', self.data).group(1).decode()

    def say(self, number):
        text = f"said-{number}"
        self.transport.write(frame(TEXT, json.dumps(message(self.room, text, text))))

    def heard(self):
        return [(int(seq), text.decode()) for text, seq in HEARD.findall(bytes(self.data))]

    def acked(self):
        return {text.decode(): int(seq) for text, seq in ACKED.findall(bytes(self.data))}


class Traffic:
    """`count` members of a room that nobody else is in, spread over the servers."""

    def __init__(self, servers, count, room="traffic"):
        self.servers = servers
        self.room = room
        self.members = [Member(number) for number in range(count)]
        self.said = {}  # text: who said it
        self.stopped = False

    async def join(self):
        for member in self.members:
            await member.join(self.servers[member.number % len(self.servers)], self.room)
        equal(len({member.room for member in self.members}), 1, "rooms")

    async def talk(self, rate, seconds=None):
        """Says `rate` messages a second, all members in turn, until stopped or for `seconds`."""
        start = time.monotonic()
        first = len(self.said)
        while not self.stopped:
            passed = time.monotonic() - start
            if seconds and passed >= seconds:
                break
            while len(self.said) < first + passed * rate:
                number = len(self.said)
                member = self.members[number % len(self.members)]
                self.said[f"said-{number}"] = member
                member.say(number)
            await asyncio.sleep(0.5 / rate)

    async def check(self):
        """Waits until all have all; none is missing, none comes twice, and there is one order."""
        count = len(self.said)
        last = b'"seq":%d,' % count
        for member in self.members:
            assert not member.ended, f"the connection of member {member.number} has ended"
            await until_async(lambda: last in member.data[-200000:] and len(member.heard()) >= count,
                              f"member {member.number} hears {count} messages")
        order = self.members[0].heard()
        equal([seq for seq, _ in order], list(range(1, count + 1)), "numbers, as member 0 hears them")
        equal(sorted(text for _, text in order), sorted(self.said), "what was said, each once")
        for member in self.members:
            assert member.heard() == order, f"member {member.number} hears something else"
        numbers = {text: seq for seq, text in order}
        await until_async(lambda: sum(len(each.acked()) for each in self.members) >= count,
                          "all is acknowledged")
        for member in self.members:
            mine = {text: numbers[text] for text, who in self.said.items() if who is member}
            equal(member.acked(), mine, f"what member {member.number} is acknowledged")

    def close(self):
        for member in self.members:
            member.transport.abort()


async def kill_subscriptions(redis, traffic, every=1):
    """Until the traffic is stopped; returns how many subscriptions were killed."""
    killed = 0
    while not traffic.stopped:
        await asyncio.sleep(every)
        killed += redis.kill_subscriptions()
    return killed


async def talk_while_killed(cluster, clients, rate, seconds):
    """Returns (messages said, subscriptions killed)."""
    traffic = Traffic(cluster.servers, clients)
    await traffic.join()
    await cluster.until_ok()
    killing = asyncio.create_task(kill_subscriptions(cluster.redis, traffic))
    await traffic.talk(rate, seconds)
    traffic.stopped = True
    killed = await killing
    await traffic.check()
    traffic.close()
    return len(traffic.said), killed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in ("clients", 200), ("rate", 100), ("seconds", 30):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    with Cluster(2) as cluster:
        said, killed = asyncio.run(
            talk_while_killed(cluster, options.clients, options.rate, options.seconds))
        print(f"{said} messages, {options.clients} clients on 2 instances, {killed} subscriptions "
              "killed: none missing, none twice, one order")
        for i, server in enumerate(cluster.servers):
            print(f"instance {i}:", *(
                f"{name}={server.metric(f'chatd_{name}_total'):.0f}"
                for name in ("repaired_gaps", "bus_received", "bus_published", "bus_reconnects")))


if __name__ == "__main__":
    main()
