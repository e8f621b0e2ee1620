#!/usr/bin/python3 -B
"""`chatd admin`: what who runs the server does with its accounts."""
import pty
import select
import sqlite3
import termios

from chat import *

PASSWORD = "correct horse"
FOLDER = temporary_folder()
DATABASE = f"{FOLDER}/accounts.db"


def admin(*arguments, database=DATABASE, password=None, status=0, environment=None):
    """Runs chatd admin to its end; returns what it printed, on stdout or, when it fails, on stderr."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("CHATD_")}
    at = [f"--db={database}"] if database else []
    result = subprocess.run([CHATD, "admin", *at, *arguments], capture_output=True, timeout=LIMIT,
                            cwd=FOLDER, env={**clean, **(environment or {})},
                            input=b"" if password is None else password.encode() + b"\n")
    out, error = result.stdout.decode(), result.stderr.decode()
    equal(result.returncode, status, f"exit status of {arguments}: {error!r}")
    if status == 0:
        equal(error, "", "stderr")
        return out
    equal(len(error.splitlines()), 1, f"lines in {error!r}")
    assert error.startswith("chatd admin: "), error
    return error[len("chatd admin: "):-1]


def rows(sql, *parameters):
    connection = sqlite3.connect(DATABASE)
    found = connection.execute(sql, parameters).fetchall()
    connection.close()
    return found


def accounts():
    """What list prints: for each account its fields, by name."""
    head, *lines = admin("list").splitlines()
    equal(head.split(), ["ID", "ROLE", "BANNED", "UNTIL", "CREATED", "SEEN", "NAME"])
    found = {}
    for line in lines:
        id, role, rest = line.split(maxsplit=2)
        banned, created, seen, name = re.split(r"\s{2,}", rest, maxsplit=3)
        found[name] = {"id": id, "role": role, "banned": banned, "created": created, "seen": seen}
    return found


@test("--help names each command and option; what makes no sense is one line, and status 2")
def _():
    text = admin("--help", database=None)
    for word in ("list", "create", "reset-password", "promote", "demote", "ban", "unban", "delete",
                 "export", "invite", "--db", "--member", "--password-file", "--for", "--uses"):
        assert re.search(rf"^  {word}\b", text, re.MULTILINE), word
    for arguments, word in (((), "command is missing"), (("lists",), "lists"), (("ban",), "name is missing"),
                            (("ban", "Ann", "--for=soon"), "--for"), (("list", "--uses=1"), "--uses"),
                            (("create", "x" * 65), "1 to 64 bytes"), (("list", "Ann"), "unexpected")):
        assert word in admin(*arguments, database=None, status=2), arguments


@test("a database that is not there is made for an account, and for nothing else")
def _():
    missing = f"{FOLDER}/missing.db"
    for arguments in (("list",), ("promote", "Ann"), ("export", "Ann"), ("delete", "Ann")):
        equal(admin(*arguments, database=missing, status=1), f"{missing}: No such file or directory")
    assert not os.path.exists(missing)
    assert "/nowhere/chat.db" in admin("create", "Ann", database="/nowhere/chat.db", password=PASSWORD, status=1)
    with open(missing, "w") as file:
        file.write("This is no database. " * 100)
    assert missing in admin("list", database=missing, status=1)


@test("who is created is an admin, unless it is said otherwise and there is an admin")
def _():
    match = re.fullmatch(r"created Ann id=(\S{22}) admin\n", admin("create", "Ann", password=PASSWORD))
    assert match
    equal(os.stat(DATABASE).st_mode & 0o777, 0o600, "who may read the database")
    assert re.fullmatch(r"created Bob id=\S{22}\n", admin("create", "--member", "Bob", password=PASSWORD))
    assert re.fullmatch(r"created Eve Lee id=\S{22} admin\n", admin("create", " Eve Lee ", password=PASSWORD))
    found = accounts()
    equal({name: each["role"] for name, each in found.items()}, {"Ann": "admin", "Bob": "-", "Eve Lee": "admin"})
    equal(found["Ann"]["id"], match.group(1))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["Bob"]["created"]), found
    equal((found["Bob"]["banned"], found["Bob"]["seen"]), ("-", "-"))
    for stored, in rows("SELECT password FROM account"):
        assert stored.startswith("$argon2id$") and PASSWORD not in stored


@test("a name is one account's, however it is written, and a password is asked for only then")
def _():
    for name in "Ann", "ANN", " ann ", "\uff21nn", "an\u00adn":
        assert "already" in admin("create", name, status=1), name
    assert "there is no account \"Nobody\"" in admin("promote", "Nobody", status=1)
    equal(admin("promote", "\uff22OB"), "Bob is an admin\n")
    equal(admin("demote", "bob"), "Bob is no admin\n")


@test("a password that is none is refused: too short, too long, no text, or none at all")
def _():
    for password in ("", "1234567", "\u00e4" * 7, "x" * 1025, "x" * 5000):
        assert "password" in admin("create", "Short", password=password, status=1)
    assert "password" in admin("create", "Short", status=1)
    with open(f"{FOLDER}/bad", "wb") as file:
        file.write(b"12345678\xff\n")
    assert "UTF-8" in admin("create", "Short", f"--password-file={FOLDER}/bad", status=1)
    with open(f"{FOLDER}/bad", "wb") as file:
        file.write(b"12345678\0\n")
    assert "NUL" in admin("create", "Short", f"--password-file={FOLDER}/bad", status=1)
    assert f"{FOLDER}/none" in admin("create", "Short", f"--password-file={FOLDER}/none", status=1)
    assert "Short" not in accounts()


@test("a line of a password ends as it does on Windows, too")
def _():
    with open(f"{FOLDER}/windows", "wb") as file:
        file.write(PASSWORD.encode() + b"\r\nanother line\r\n")
    with Server(folder=FOLDER) as server:
        admin("create", "Bob", f"--password-file={FOLDER}/windows", database=server.database)
        body = json.dumps({"username": "Bob", "password": PASSWORD})
        equal(server.request("/api/login", {"Content-Type": "application/json"}, "POST", body)[0], 200)


@test("a password file's first line is the password")
def _():
    with open(f"{FOLDER}/password", "w") as file:
        file.write("the first line\nanother one\n")
    before = rows("SELECT password FROM account WHERE name = 'Bob'")
    assert "signed out" in admin("reset-password", "Bob", f"--password-file={FOLDER}/password")
    assert rows("SELECT password FROM account WHERE name = 'Bob'") != before


def at_terminal(*typed):
    """Runs create at a terminal where that is typed; returns (status, what the terminal showed)."""
    main, end = pty.openpty()

    def prepare():
        import fcntl
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen([CHATD, "admin", f"--db={DATABASE}", "create", "Typist"], stdin=end,
                               stdout=end, stderr=end, preexec_fn=prepare)
    shown = b""

    def read_until(what):
        nonlocal shown
        while what not in shown:
            assert select.select([main], [], [], LIMIT)[0], f"{what!r} is not in {shown!r}"
            shown += os.read(main, 1000)

    try:
        for prompt, text in zip((b"Password: ", b"again: "), typed):
            read_until(prompt)
            assert not termios.tcgetattr(end)[3] & termios.ECHO, "what is typed is shown"
            os.write(main, text)
        status = process.wait(LIMIT)
        assert termios.tcgetattr(end)[3] & termios.ECHO, "the terminal shows nothing any more"
        while select.select([main], [], [], 0)[0]:
            shown += os.read(main, 1000)
    finally:
        process.kill()
        process.wait()
        os.close(main)
        os.close(end)
    return status, shown.decode()


@test("at a terminal the password is asked for twice, and not shown")
def _():
    status, shown = at_terminal(b"12345678 typed\n", b"12345678 mistyped\n")
    equal(status, 1)
    assert "differ" in shown and "1234" not in shown, shown
    status, shown = at_terminal(b"12345678 typed\n", b"\x03")
    equal(status, -signal.SIGINT, "after Ctrl-C")
    assert "Typist" not in accounts()
    status, shown = at_terminal(b"12345678 typed\n", b"12345678 typed\n")
    equal(status, 0)
    assert "created Typist" in shown and "1234" not in shown, shown


@test("who is banned is so until then, or for ever, or until the ban is lifted")
def _():
    assert re.fullmatch(r"Bob is banned until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n", admin("ban", "Bob", "--for=2h"))
    until, = rows("SELECT banned_until FROM account WHERE name = 'Bob'")[0]
    assert 7100 < until / 1000 - time.time() < 7300, until
    assert accounts()["Bob"]["banned"].startswith("20")
    equal(admin("ban", "Bob"), "Bob is banned for ever\n")
    equal(accounts()["Bob"]["banned"], "for ever")
    equal(admin("unban", "Bob"), "Bob is not banned\n")
    equal(accounts()["Bob"]["banned"], "-")


@test("an invitation is a link's path; the database has its hash and how often it is good")
def _():
    token = re.fullmatch(r"/\?invitation=(\S{43})\n", admin("invite", "--uses=3", "--for=1d")).group(1)
    (hash, uses, expires), = rows("SELECT hash, uses_left, expires FROM invite_link")
    equal((len(hash), uses), (32, 3))
    assert 86000 < expires / 1000 - time.time() < 87000
    with open(DATABASE, "rb") as file:
        assert token.encode() not in file.read()
    admin("invite", database=f"{FOLDER}/invited.db")


@test("what could not be printed was not done: status 1")
def _():
    with open("/dev/full", "w") as full:
        result = subprocess.run([CHATD, "admin", f"--db={DATABASE}", "list"], stdout=full, stderr=subprocess.PIPE)
    equal(result.returncode, 1)
    assert b"standard output" in result.stderr, result.stderr
    with open("/dev/full", "w") as full:
        result = subprocess.run([CHATD, "admin", f"--db={DATABASE}", "export", "Ann"], stdout=full,
                                stderr=subprocess.PIPE)
    equal(result.returncode, 1)


@test("CHATD_DB names the database, unless --db does")
def _():
    assert "Ann" in admin("list", database=None, environment={"CHATD_DB": DATABASE})
    assert "Ann" in admin("list", environment={"CHATD_DB": "/nowhere"})
    assert "./chatdb.db: No such file" in admin("list", database=None, status=1)


run()
