#!/usr/bin/python3 -B
"""A Redis with passwords, with users who may do little, and with no connection left."""
from redis import *

SECRET = "correct-horse-battery"


def never_told(cluster, secret):
    for each in cluster.servers:
        equal([line for line in each.log if secret in line], [], "lines with the password")
        with open(f"/proc/{each.process.pid}/cmdline") as file:
            assert secret not in file.read(), "the password is in the command line"
        for path in "/healthz", "/metrics":
            assert secret.encode() not in each.request(path)[2], f"the password is in {path}"


@test("a wrong password: degraded, the password in no line; the right one mends it")
async def _():
    redis = Redis("--requirepass", "another")
    redis.credentials = ("another",)
    # In the environment: a command line is for all to see.
    environment = {"CHATD_REDIS": redis.url(f":{SECRET}@")}
    with Cluster(2, redis=redis, url=False, ready=False, environment=environment) as cluster:
        await is_degraded(cluster)
        for each in cluster.servers:
            await asyncio.to_thread(each.wait_for_log, r"\bredis-refused\b")
        ann, bob, room = await pair(cluster, "refused")
        await is_late_at_most(ann, bob, room, 1, 2)
        never_told(cluster, SECRET)
        redis.command("CONFIG", "SET", "requirepass", SECRET)
        redis.credentials = (SECRET,)
        await is_mended(cluster, ann, bob, room)
        never_told(cluster, SECRET)
        await close_all(ann, bob)


@test("a user who may do no more than chatd does, with a password in a file")
async def _():
    redis = Redis()
    redis.command("ACL", "SETUSER", "chat", "on", f">{SECRET}", "resetchannels", "&chat:*", "-@all",
                  "+publish", "+subscribe", "+ping", "+client|setname", "+select")
    file = os.path.join(redis.folder, "password")
    with open(file, "w") as output:
        output.write(f"{SECRET}\n")
    with Cluster(2, f"--redis-password-file={file}", redis=redis, url=redis.url("chat@")) as cluster:
        ann, bob, room = await pair(cluster, "user")
        await is_mended(cluster, ann, bob, room)
        users = re.findall(r" name=chatd:\S+ .*\buser=(\S+)", redis.command("CLIENT", "LIST").decode())
        equal(users, ["chat"] * 6, "the users of a publisher, a lobby and a room on each instance")
        equal(redis.command("ACL", "LOG"), [], "what Redis has denied it")
        never_told(cluster, SECRET)
        await close_all(ann, bob)


@test("Redis has no connection left: the room works all the same, one log line says so; then it has")
async def _():
    with Cluster(2) as cluster:
        looker = cluster.redis.connect()
        looker.command("CONFIG", "SET", "maxclients", 1 + len(cluster.redis.clients()))
        ann, bob, room = await pair(cluster, "full")
        await is_degraded(cluster)
        await is_late_at_most(ann, bob, room, 1, 4)
        more = [await join_all((ann, bob), f"full {i}") for i in range(3)]
        await ann.post(more[0], "there, too")
        await bob.expect("send-message", message="there, too", limit=LATE)

        def refusals():
            return int(re.search(rb"rejected_connections:(\d+)", looker.command("INFO", "stats"))[1])

        before = refusals()
        await until_async(lambda: refusals() >= before + 8, "they try again")
        for each in cluster.servers:
            equal(sum("redis-full" in line for line in each.log), 1, f"lines in {each.log}")
        looker.command("CONFIG", "SET", "maxclients", 10000)
        looker.close()
        await is_mended(cluster, ann, bob, room)
        for each in cluster.servers:
            each.wait_for_log(r"\bredis-recovered\b.* from=redis-full\b")
        await close_all(ann, bob)


run()
