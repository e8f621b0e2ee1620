#!/usr/bin/python3 -B
"""Each cell of PROTOCOL.md's table of who may what, as it stands there, and the same for who is banned."""
from chat import *

COLUMNS = ["outsider", "member", "moderator", "owner", "admin", "while muted"]
ABOUT_USER = {"kick", "ban", "unban", "mute", "unmute", "make-moderator", "remove-moderator", "invite",
              "transfer-room"}
# What takes being in the room, and what its answer is where that is not `done`.
INSIDE = {"send-message": "message-ack", "edit-message": "message-ack", "delete-message": "message-ack",
          "typing": None, "history": "history"}
ANSWERS = {**INSIDE, "room-members": "room-members"}


def table():
    """The lines of the table: [(what, {column: cell})]."""
    with open(os.path.join(TOP, "PROTOCOL.md")) as file:
        found = re.search(r"^\| \| outsider.*?(?=\n\n)", file.read(), re.MULTILINE | re.DOTALL)
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in found.group().split("\n")]
    equal(lines[0], ["", *COLUMNS], "columns")
    return [(line[0], dict(zip(COLUMNS, line[1:], strict=True))) for line in lines[2:]]


class Stage:
    """Rooms with somebody of each kind, a new one for each cell."""

    def __init__(self, server, founder, victim, actor, admin):
        self.server, self.founder, self.victim, self.actor, self.admin = server, founder, victim, actor, admin
        self.count = 0

    async def order(self, client, action, user, **fields):
        id = f"stage-{time.monotonic_ns()}"
        await client.send({"action": action, "target": {"id": self.room}, "user": {"id": user.id},
                           "id": id, **fields})
        await client.expect("done", id=id)

    async def set(self, kind, column):
        """Makes a room in which the actor is what the column says; returns the actor's client."""
        self.count += 1
        self.name = f"stage {self.count}"
        founder, actor = self.founder, self.admin if column == "admin" else self.actor
        self.room = await founder.create(self.name, kind)
        await self.order(founder, "invite", self.victim)
        await self.victim.join(self.name)
        await self.victim.post(self.room, "the victim's")
        if column in ("outsider", "banned"):
            if column == "banned":
                await self.order(founder, "ban", actor)
            return actor
        if kind == "invite-only" and column != "admin":
            await self.order(founder, "invite", actor)
        await actor.join(self.name)
        await actor.post(self.room, "the actor's")
        if column == "moderator":
            await self.order(founder, "make-moderator", actor)
        if column == "while muted":
            await self.order(founder, "mute", actor)
        if column in ("owner", "while muted"):  # so that nothing else keeps it from anything
            await self.order(founder, "transfer-room", actor)
        return actor

    async def clear(self):
        for each in self.founder, self.victim, self.actor, self.admin:
            await each.send({"action": "leave-room", "message": self.room})


def document_of(stage, action, what):
    document = {"action": action, "target": {"id": stage.room}, "id": f"try-{time.monotonic_ns()}"}
    if action in ("edit-message", "delete-message"):
        document["of"] = 1 if "another's" in what else 2
    if action in ABOUT_USER:
        document["user"] = {"id": stage.victim.id}
    if action in ("send-message", "edit-message", "set-topic"):
        document["message"] = "text"
    if action == "set-kind":
        document["kind"] = "public"
    return document


async def attempt(stage, client, action, what):
    """Tries it; returns the code of the refusal, or None."""
    document = document_of(stage, action, what)
    await client.send(document)

    def answer():
        if client.has("error", refused=action, target={"id": stage.room}):
            return client.has("error", refused=action, target={"id": stage.room})[-1]["code"]
        if action == "typing":
            return stage.founder.has("typing", target={"id": stage.room}) and "done"
        return client.has(ANSWERS.get(action, "done"), id=document["id"]) and "done"

    code = await until_async(answer, f"an answer to {document}")
    return None if code == "done" else code


async def attempt_join(stage, client, column):
    """On a connection that is not in the room; the roll has the user by then, or not."""
    if column in ("outsider", "banned"):
        before = len(client.received)
        await client.send({"action": "join-room", "message": stage.name})
        answer = await until_async(lambda: [each for each in client.received[before:] if
                                            each["action"] in ("room-joined", "error")], "an answer")
        return answer[0].get("code")
    second = await client.return_to(stage.server, settle=False)
    await second.send({"action": "join-room", "message": stage.name})
    answer = await until_async(lambda: second.has("room-joined") + second.has("error"), "an answer")
    await second.close()
    return answer[0].get("code")


def expected_code(action, cell, column):
    if cell == "yes":
        return None
    if column == "banned":
        return "not-a-member" if action in INSIDE else "banned"
    if column == "while muted":
        return "muted"
    if action == "join-room":
        return "invite-only"
    return "not-a-member" if column == "outsider" and action in INSIDE else "forbidden"


async def check(stage, what, column, cell):
    action = re.match(r"`([a-z-]+)", what).group(1)
    client = await stage.set("invite-only" if "invite-only" in what else "public", column)
    if action == "join-room":
        code = await attempt_join(stage, client, column)
    else:
        code = await attempt(stage, client, action, what)
    equal(code, expected_code(action, cell, column), f"{what} of {column}: the code")
    if action == "history":
        status = stage.server.request(f"/api/rooms/{stage.room}/messages",
                                      {"Authorization": f"Bearer {client.token}"})[0]
        equal(status, 200 if cell == "yes" else 403, f"status for {column}")
    await stage.clear()


async def register(server, name):
    """An account's client; the first one's is an admin."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT)
    connection.request("POST", "/api/register", json.dumps({"username": name, "password": "long enough"}),
                       {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    equal((response.status, answer["admin"]), (201, True))
    client = await Client.return_as(server, answer["token"])
    client.token = answer["token"]
    return client


async def set_up(server):
    founder, victim, actor = await connect_all(server, "Founder", "Victim", "Actor")
    return Stage(server, founder, victim, actor, await register(server, "Admin"))


@test("each cell of the table")
async def _():
    with Server("--limits=none") as server:
        stage = await set_up(server)
        lines = table()
        assert len(lines) >= 21, lines
        for what, cells in lines:
            for column, cell in cells.items():
                assert cell in ("yes", "no", "if invited"), cell
                await check(stage, what, column, cell)
            await check(stage, what, "banned", "no")
        await close_all(stage.founder, stage.victim, stage.actor, stage.admin)


@test("nobody acts on the server's admins in a room, and they on no owner; in private rooms they are like others")
async def _():
    with Server("--limits=none") as server:
        stage = await set_up(server)
        admin = await stage.set("public", "admin")
        for action in "kick", "ban", "mute", "make-moderator":
            for client, user in (stage.founder, admin), (admin, stage.founder):
                await client.refused({"action": action, "target": {"id": stage.room}, "user": {"id": user.id}},
                                     "forbidden")
        await stage.order(admin, "transfer-room", admin)
        await stage.order(admin, "ban", stage.founder)
        room = (await admin.join_private(stage.victim.id))["target"]["id"]
        await stage.victim.expect("room-joined", target={"id": room})
        await stage.victim.post(room, "mine")
        await admin.refused(delete(room, 1), "forbidden")
        await admin.refused({"action": "kick", "target": {"id": room}, "user": {"id": stage.victim.id}},
                            "no-such-room")
        await close_all(stage.founder, stage.victim, stage.actor, stage.admin)


run()
