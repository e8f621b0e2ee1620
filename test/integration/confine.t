#!/usr/bin/python3 -B
"""What the process may do: less than who started it."""
import pwd
import stat

from chat import *

BIND = 1 << 10  # CAP_NET_BIND_SERVICE


def folder_of(user):
    folder = temporary_folder()
    os.chown(folder, user.pw_uid, user.pw_gid)
    os.chmod(folder, 0o700)
    return folder


# Who has changed its user may not be looked at by others of it, which is how leaks are looked for.
NO_LEAKS = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def only_root():
    if os.geteuid() != 0:
        raise Skip("only root can become somebody else")


@test("nobody else on the machine can read what is stored, and nothing that it runs gets more rights")
def _(server):
    for name in os.listdir(os.path.dirname(server.database)):
        if name.startswith(os.path.basename(server.database)):
            mode = os.stat(os.path.join(os.path.dirname(server.database), name)).st_mode
            equal(stat.S_IMODE(mode), 0o600, name)
    equal(server.status("NoNewPrivs"), 1)

# Does what a weakness in the process could be made to do, when it is told to.
PRELOADED = r"""
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static void write_there(int number)
{
    (void)number;
    int fd = open(getenv("THERE"), O_CREAT | O_WRONLY, 0600);
    dprintf(2, "tried errno=%d\n", fd < 0 ? errno : 0);
}
__attribute__((constructor)) static void begin(void)
{
    signal(SIGUSR2, write_there);
}
"""


def has_landlock():
    return ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint32(1)) >= 1


@test("it cannot write anywhere but beside its database, whatever it is made to do")
def _():
    if is_sanitized():
        raise Skip("a sanitizer writes reports of its own")
    if not has_landlock():
        raise Skip("this kernel has no Landlock")
    folder = temporary_folder()
    library = os.path.join(folder, "preloaded.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=PRELOADED,
                   text=True, check=True, timeout=LIMIT)
    there = os.path.join(folder, "there")
    with Server(environment={"LD_PRELOAD": library, "THERE": there}) as server:
        server.process.send_signal(signal.SIGUSR2)
        server.wait_for_log(r"tried errno=13")
    equal(os.path.exists(there), False)


@test("--user: it is that user, in that one's groups, with no right but to listen on low ports")
async def _():
    only_root()
    nobody = pwd.getpwnam("nobody")
    with Server("--user=nobody", folder=folder_of(nobody), environment=NO_LEAKS) as server:
        for line in open(f"/proc/{server.process.pid}/status"):
            key, value = line.rstrip("\n").split(":\t", 1)
            if key == "Uid":
                equal(value.split("\t"), [str(nobody.pw_uid)] * 4)
            elif key == "Gid":
                equal(value.split("\t"), [str(nobody.pw_gid)] * 4)
            elif key == "Groups":
                equal(value.split(), [str(nobody.pw_gid)])
            elif key in ("CapPrm", "CapEff"):
                equal(int(value, 16), BIND, key)
            elif key in ("CapInh", "CapAmb"):
                equal(int(value, 16), 0, key)
        equal(os.stat(server.database).st_uid, nobody.pw_uid)
        ann = await Client.connect(server, "Ann")
        room = await ann.join("room")
        await ann.post(room, "hello")
        await ann.close()


@test("--user: it still listens on a port below 1024")
def _():
    only_root()
    with Server("--user=nobody", "--addr=127.0.0.77:1023",
                folder=folder_of(pwd.getpwnam("nobody")), environment=NO_LEAKS) as server:
        connection = http.client.HTTPConnection("127.0.0.77", 1023, timeout=LIMIT)
        connection.request("GET", "/healthz")
        equal(connection.getresponse().status, 200)
        connection.close()
        equal(server.port, 1023)


@test("--user: somebody that there is not, or whom one cannot become, is refused")
def _():
    for prefix, user, word in (((), "no-such-user", "there is no user no-such-user"),
                               (("setpriv", "--reuid=65534", "--clear-groups"), "root", "cannot become root")):
        if prefix and os.geteuid() != 0:
            continue
        result = subprocess.run([*prefix, CHATD, f"--user={user}", "--addr=127.0.0.1:0"], timeout=LIMIT,
                                capture_output=True, text=True, cwd="/")
        equal(result.returncode, 1)
        assert word in result.stderr, result.stderr


run()
