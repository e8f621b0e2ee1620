#!/usr/bin/python3 -B
"""Hostile clients beside a team: the team loses nothing, and the server keeps its memory."""
from chat import *

HOSTILE = os.path.join(TOP, "test", "bench", "hostile.py")
ATTACKERS = 200
TEAM = 10
MESSAGES = 30  # of each
GROWTH_KB = 64 * 1024


class Hostile:
    """So many hostile clients; `end` returns what became of them."""

    def __init__(self, server):
        self.process = subprocess.Popen(
            [HOSTILE, f"--server=127.0.0.1:{server.port}", f"--connections={ATTACKERS}", "--addresses=3",
             f"--limit={int(80 * PATIENCE)}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)
        equal(self.process.stderr.readline(), "ready\n", "what it says")

    def end(self):
        self.process.terminate()
        output, errors = self.process.communicate(timeout=LIMIT)
        equal((self.process.returncode, errors), (0, ""), "how it ended")
        return json.loads(output)


async def talk(client, room):
    for i in range(MESSAGES):
        await client.post(room, f"{client.name} {i}", f"{client.name}-{i}")
        await asyncio.sleep(0.1)


@test("a team beside hostile clients loses nothing, and memory is bounded")
async def _():
    with Server("--limit-head-time=2", "--limit-frame-time=2", "--limit-connects=600", limited=True) as server:
        team = await connect_all(server, *(f"Member {i}" for i in range(TEAM)))
        room = [await each.join("team") for each in team][0]
        before = server.status("VmRSS")
        hostile = await asyncio.to_thread(Hostile, server)
        await asyncio.gather(*(talk(each, room) for each in team))
        peak = server.status("VmHWM")
        late = await Client.connect(server, "Late")
        await late.resume("team", 0)
        counts = await asyncio.to_thread(hostile.end)
        for each in (*team, late):
            await until_async(lambda: len(chats(each, room)) == TEAM * MESSAGES, f"{each.name} has all")
            equal([seq for seq, _ in chats(each, room)], list(range(1, TEAM * MESSAGES + 1)), each.name)
            equal(each.has("error"), [], f"errors of {each.name}")
            equal(chats(each, room), chats(team[0], room))
        texts = {text for _, text in chats(late, room)}
        equal(texts, {f"{each.name} {i}" for each in team for i in range(MESSAGES)})
        assert counts["closed"] + counts["refused"] + counts["reset"] >= ATTACKERS / 2, counts
        if not is_sanitized():
            assert peak - before < GROWTH_KB, f"{peak - before} KB more than {before}"
        await until_async(lambda: server.metric("chatd_clients") == TEAM + 1, "they are gone")
        await until_async(lambda: server.metric("chatd_outbox_bytes") == 0, "and what waited for them")
        met = {name: server.metric(f'chatd_limited_total{{limit="{name}"}}')
               for name in ("messages", "head-time", "frame-time", "json-depth", "json-size")}
        equal([name for name, count in met.items() if count == 0], [], "limits that nobody met")
        await close_all(*team, late)


run()
