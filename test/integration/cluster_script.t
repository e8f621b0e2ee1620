#!/usr/bin/python3 -B
"""scripts/cluster: a Redis and several instances, started and ended together."""
from chat import *

SCRIPT = os.path.join(TOP, "scripts", "cluster")


def free_ports(count):
    listening = [socket.create_server(("", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in listening]
    for each in listening:
        each.close()
    return ports


class Script:
    """The script on three ports, with a folder of its own for what it makes."""

    def __init__(self, ports=None):
        self.folder = temporary_folder()
        self.ports = ports or free_ports(3)
        clean = {k: v for k, v in os.environ.items() if not k.startswith("CHATD_")}
        self.process = subprocess.Popen(
            [SCRIPT, f"--db={self.folder}/chat.db"], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, env={**clean, "PORTS": " ".join(map(str, self.ports)),
                                         "TMPDIR": self.folder})
        atexit.register(self.clean_up)

    def addresses(self):
        return [self.process.stdout.readline().strip() for _ in self.ports]

    def children(self):
        """The processes of chatd and Redis: {id: name}."""
        found = {}
        for each in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{each}/stat") as stat:
                    name, rest = stat.read().split("(", 1)[1].rsplit(")", 1)
            except OSError:
                continue
            if int(rest.split()[1]) == self.process.pid and name in ("chatd", "redis-server"):
                found[int(each)] = name
        return found

    def ended(self):
        """Waits for the end; returns the exit status and what it said on stderr."""
        said = self.process.communicate(timeout=LIMIT)[1]
        return self.process.returncode, said

    def clean_up(self):
        children = self.children()
        if self.process.poll() is None:
            self.process.kill()
            for each in children:
                os.kill(each, signal.SIGKILL)

    def at(self, index):
        """As chat.py's clients want it."""
        return type("Address", (), {"port": self.ports[index]})


def gone(processes):
    return not any(os.path.exists(f"/proc/{each}") for each in processes)


for name, number in ("Ctrl-C", signal.SIGINT), ("SIGTERM", signal.SIGTERM):
    @test(f"three instances that are one chat; {name} ends all of them, Redis and its folder")
    async def _(number=number):
        script = Script()
        equal(await asyncio.to_thread(script.addresses),
              [f"http://localhost:{port}/" for port in script.ports])
        children = script.children()
        equal(sorted(children.values()), ["chatd"] * 3 + ["redis-server"])
        clients = [await Client.connect(script.at(i), f"User {i}") for i in range(3)]
        rooms = {await each.join("cluster") for each in clients}
        equal(len(rooms), 1, "rooms")
        await clients[0].post(rooms.pop(), "hello, cluster")
        for each in clients:
            await each.expect("send-message", message="hello, cluster", seq=1)
        # The terminal sends Ctrl-C to the script and to what is in its group.
        os.killpg(script.process.pid, number)
        for each in clients:
            equal((await each.closed())[0], 1012, "close code")
        status, said = await asyncio.to_thread(script.ended)
        equal(status, 0, f"exit status; it said {said[-2000:]}")
        assert said.count(" info stopped") == 3, said
        assert gone(children), "a process is left"
        equal([name for name in os.listdir(script.folder) if not name.startswith("chat.db")], [],
              "left behind")


for victim in "chatd", "redis-server":
    @test(f"when a {victim} dies, the others are ended, and the exit status says so")
    def _(victim=victim):
        script = Script()
        script.addresses()
        children = script.children()
        os.kill(next(id for id, name in children.items() if name == victim), signal.SIGKILL)
        status, said = script.ended()
        assert status > 0, f"exit status {status}"
        assert "scripts/cluster: " in said, said
        assert gone(children), "a process is left"


@test("a port that is taken: an error at once, and nothing stays")
def _():
    with socket.create_server(("", 0)) as taken:
        script = Script(ports=[*free_ports(2), taken.getsockname()[1]])
        status, said = script.ended()
        assert status > 0, f"exit status {status}"
        assert str(script.ports[-1]) in said, said
        equal(script.children(), {})


run()
