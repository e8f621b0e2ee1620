#!/usr/bin/python3 -B
"""What happens before it is ready: options, the environment, and clear refusals."""
import sqlite3

from chat import *

OPTIONS = ("addr", "db", "static", "user", "origin", "auth", "registration", "redis", "redis-prefix", "redis-password-file", "durability",
           "max-clients", "max-rooms", "max-rooms-per-client", "trusted-proxy", "limits",
           "limit-connections", "limit-connects", "limit-messages", "limit-rooms", "limit-new-rooms", "limit-registrations", "limit-logins",
           "limit-body", "limit-json-depth", "limit-json-size", "limit-head-time", "limit-frame-time", "room-grace",
           "presence-grace", "token-lifetime", "resume-limit", "outbox", "ping-after",
           "idle-timeout", "compression", "check", "help", "version")


def chatd(*arguments, environment=None, limits=None):
    """Runs chatd to its end; returns the finished process."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("CHATD_")}

    def prepare():
        for which, value in (limits or {}).items():
            resource.setrlimit(which, (value, value))

    return subprocess.run([CHATD, *arguments], capture_output=True, text=True, timeout=LIMIT,
                          stdin=subprocess.DEVNULL, cwd=temporary_folder(), preexec_fn=prepare,
                          env={**clean, **(environment or {})})


def refused(result, *words, status=None):
    """It ended badly, with one line on stderr that has the words."""
    assert result.returncode > 0, f"exit status {result.returncode}"
    if status is not None:
        equal(result.returncode, status, "exit status")
    equal(result.stdout, "", "stdout")
    lines = result.stderr.splitlines()
    equal(len(lines), 1, f"lines in {result.stderr!r}")
    for word in words:
        assert word in lines[0], f"no {word!r} in {lines[0]!r}"


@test("--help names every option and --version the version, both on stdout with status 0")
def _():
    result = chatd("--help")
    equal((result.returncode, result.stderr), (0, ""))
    for option in OPTIONS:
        assert f"--{option}" in result.stdout, option
    result = chatd("--version")
    equal((result.returncode, result.stderr), (0, ""))
    assert re.search(r"\b\d+\.\d+\.\d+\b", result.stdout), result.stdout


@test("the README has the options as --help prints them")
def _():
    with open(os.path.join(TOP, "README.md")) as file:
        assert f"```\n{chatd('--help').stdout}```" in file.read(), "they differ"


@test("an unknown or malformed option is an error that names it, with status 2")
def _():
    for option, word in (
            ("--nonsense", "nonsense"), ("-x", "x"), ("--max-clients=many", "max-clients"),
            ("--max-clients=-1", "max-clients"), ("--max-clients=", "max-clients"),
            ("--max-clients=99999999999999999999", "max-clients"), ("--max-clients=1x", "max-clients"),
            ("--outbox=none", "outbox"), ("--durability=some", "durability"), ("--compression=1", "compression"),
            ("--auth=guests", "auth"), ("--registration=yes", "registration"),
            ("--addr=:x", "addr"),
            ("--addr=:65536", "addr"), ("--addr=", "addr"), ("--addr=127.0.0.1", "addr"),
            ("--db=", "db"), ("--check=yes", "check"), ("--max-rooms=0x", "max-rooms"),
            ("--room-grace=soon", "room-grace"), ("--limit-messages=-5", "limit-messages"),
            ("--limits=some", "limits"), ("--limit-body=", "limit-body"),
            ("--trusted-proxy=localhost", "trusted-proxy"),
            ("--idle-timeout=53", "ping-after"), ("--idle-timeout=54", "ping-after"), ("stray", "stray")):
        refused(chatd(option), word, status=2)


@test("options are taken from the environment, and the command line goes first")
def _():
    result = chatd(environment={"CHATD_MAX_CLIENTS": "many"})
    refused(result, "CHATD_MAX_CLIENTS", status=2)
    with Server(environment={"CHATD_ADDR": "127.0.0.1:1", "CHATD_MAX_ROOMS_PER_CLIENT": "7"}) as server:
        raw = Raw(server)
        equal(raw.expect("welcome")["limits"]["rooms"], 7)
        raw.close()
    with Server("--max-rooms-per-client=9", environment={"CHATD_MAX_ROOMS_PER_CLIENT": "7"}) as server:
        raw = Raw(server)
        equal(raw.expect("welcome")["limits"]["rooms"], 9)
        raw.close()


@test("--check validates without serving, and says what is wrong as a start would")
def _():
    folder = temporary_folder()
    start = time.monotonic()
    equal(chatd("--check", f"--db={folder}/chat.db", "--addr=127.0.0.1:0").returncode, 0)
    assert time.monotonic() - start < LIMIT
    refused(chatd("--check", "--outbox=x"), "outbox", status=2)
    refused(chatd("--check", f"--db={folder}/none/chat.db"), f"{folder}/none/chat.db")


@test("the ready line names the address, and HTTP answers at it")
def _():
    with Server() as server:
        assert any(re.match(r"\S+ \w+ .*\bready addr=127\.0\.0\.1:\d+", line) for line in server.log), \
            server.log
        equal(server.request("/healthz")[0], 200)


@test("a port that is taken: one clear line")
def _():
    with Server() as server:
        result = chatd(f"--addr=127.0.0.1:{server.port}", f"--db={temporary_folder()}/chat.db")
        refused(result, str(server.port))


@test("an address that is none of this machine's: one clear line")
def _():
    refused(chatd("--addr=192.0.2.1:8080", f"--db={temporary_folder()}/chat.db"), "192.0.2.1")


@test("a database that cannot be made, is a folder, or is none: one clear line that names it")
def _():
    folder = temporary_folder()
    with open(f"{folder}/text.db", "w") as file:
        file.write("This is no database. " * 500)
    for path in f"{folder}/none/chat.db", folder, "/proc/chat.db", f"{folder}/text.db":
        refused(chatd("--addr=127.0.0.1:0", f"--db={path}"), path)
    with open(f"{folder}/text.db") as file:
        equal(file.read(), "This is no database. " * 500, "the file that is none")


@test("a database of a newer version: one clear line, and it is left as it is")
def _():
    with Server() as server:
        pass
    database = sqlite3.connect(server.database)
    version = database.execute("PRAGMA user_version").fetchone()[0]
    assert version > 0, version
    database.execute("PRAGMA user_version = 9999")
    database.close()
    refused(chatd("--addr=127.0.0.1:0", f"--db={server.database}"), server.database, "newer")
    database = sqlite3.connect(server.database)
    equal(database.execute("PRAGMA user_version").fetchone()[0], 9999)
    database.close()


@test("a descriptor limit too low for --max-clients, or for anything: one clear line")
def _():
    arguments = "--addr=127.0.0.1:0", f"--db={temporary_folder()}/chat.db"
    refused(chatd(*arguments, "--max-clients=1000", limits={resource.RLIMIT_NOFILE: 256}), "descriptor")
    refused(chatd(*arguments, limits={resource.RLIMIT_NOFILE: 32}), "descriptor")


@test("without --max-clients the descriptor limit says how many, and the rest gets its 503")
async def _():
    with Server(limits={resource.RLIMIT_NOFILE: 256}) as server:
        clients, refusals = [], 0
        for i in range(260):
            try:
                clients.append(await Client.connect(server, f"User {i}"))
            except websockets.InvalidStatusCode as refusal:
                equal(refusal.status_code, 503)
                refusals += 1
        assert len(clients) >= 100 and refusals >= 10, f"{len(clients)} in, {refusals} refused"
        equal(server.request("/healthz")[0], 200)
        room = await clients[0].join("last descriptors")
        await clients[0].post(room, "hello")
        for each in clients:
            await each.close()


@test("--static serves a folder instead of the page inside; a folder that is none is an error")
def _():
    folder = temporary_folder()
    with open(f"{folder}/index.html", "w") as file:
        file.write("<!doctype html><title>mine</title>")
    with Server(f"--static={folder}") as server:
        status, _, body = server.request("/")
        equal(status, 200)
        assert b"mine" in body, body
    refused(chatd("--addr=127.0.0.1:0", f"--db={folder}/chat.db", f"--static={folder}/none"),
            f"{folder}/none")


@test("who asks as soon as it listens is answered as at any time")
def _():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    statuses = []

    def ask():
        """Until there is an answer; it may well listen for a moment only, to see whether it can."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as plain:
                    plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    if answer := plain.recv(4096):
                        statuses.append(answer[9:12])
                        return
            except OSError:
                time.sleep(0.0005)

    for _ in range(5):
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for each in threads:
            each.start()
        with Server(f"--addr=127.0.0.1:{port}"):
            for each in threads:
                each.join()
    equal(statuses, [b"200"] * 40, "statuses")


@test("--durability=full serves as well")
async def _():
    with Server("--durability=full") as server:
        ann = await Client.connect(server)
        equal((await ann.post(await ann.join("durable"), "hello"))["seq"], 1)
        await ann.close()


run()
