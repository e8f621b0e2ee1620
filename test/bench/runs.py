"""One run of a case: servers, the load, and what it says of them."""
import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import database
from servers import LOAD, PATIENCE, TOP, Servers, children, end, spawn

HOSTILE = os.path.join(TOP, "test", "bench", "hostile.py")


def load_command(case, servers, changes):
    options = {**case.load, **changes}
    limit = int((150 + options.get("duration", 5) + 2 * options.get("connect-limit", 60)) * PATIENCE)
    command = [LOAD, "--server=" + ",".join(servers.addresses), f"--limit={limit}",
               "--process=" + ",".join(str(pid) for each in servers.processes
                                       for pid in (each.pid, *children(each.pid)))]
    if servers.helpers:
        command.append("--aux=" + ",".join(str(each.pid) for each in servers.helpers))
    for name, value in options.items():
        command.append(f"--{name}" if value is True else f"--{name}={value}")
    return command, limit


_databases = {}


def database_of(case):
    """A copy of one that has so many messages, or that one where it is too large to copy."""
    if not _databases:
        folder = tempfile.mkdtemp(prefix="chatd-bench-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _databases[0] = folder
    path = os.path.join(_databases[0], f"{case.stored}.db")
    if case.stored not in _databases:
        database.fill(path, case.stored)
        _databases[case.stored] = path
    if case.stored > 100_000:
        return path
    for kind in ("-wal", "-shm"):
        if os.path.exists(f"{path}.copy{kind}"):
            os.remove(f"{path}.copy{kind}")
    return shutil.copyfile(path, f"{path}.copy")


LOGINS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "logins.py")
LOGINS_MIN = 0.8  # of what is asked for has to come about


def start_logins(servers, rate):
    """A storm of so many logins a second on the first server, once it has begun."""
    storm = spawn([sys.executable, "-B", LOGINS, servers.addresses[0], str(rate)],
                  stdout=subprocess.PIPE, text=True)
    servers.helpers.append(storm)
    if storm.stdout.readline() != "storming\n":
        raise RuntimeError("no login was answered")
    return storm


def end_logins(storm, rate, result):
    """Adds what became of them to the result."""
    storm.send_signal(signal.SIGTERM)
    result["logins"] = json.loads(storm.communicate(timeout=60)[0])
    if result["logins"]["failed"] or result["logins"]["askedPerSecond"] < LOGINS_MIN * rate:
        result["problem"] = result["problem"] or f"the logins: {result['logins']}"
        result["failed"] += 1


def attack(servers, connections):
    """Starts hostile clients; returns once each of them has begun. They count as a helper of the servers."""
    process = spawn([HOSTILE, f"--server={servers.addresses[0]}", f"--connections={connections}"],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    servers.helpers.append(process)
    if process.stderr.readline() != "ready\n":
        raise RuntimeError("the hostile clients did not begin")
    return process


def run_case(case, changes, watch=None):
    """Returns what chatd-load says of one run on fresh servers.

    `changes` are other options for it. `watch` is called while it runs, with the servers and it.
    """
    stored = database_of(case) if case.stored else None
    with Servers(case.server, case.options, case.instances, case.redis, stored,
                 case.limited) as servers:
        attackers = attack(servers, case.hostile) if case.hostile else None
        probed = database.probe(servers.addresses[0]) if stored else None
        storm = start_logins(servers, case.logins) if case.logins else None
        command, limit = load_command(case, servers, changes)
        load = spawn(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE if watch else None,
                     text=True)
        try:
            if watch:
                watch(servers, load)
            output, _ = load.communicate(timeout=limit + 10)
        finally:
            end(load)
        if load.returncode not in (0, 1):
            raise RuntimeError(f"chatd-load ended with {load.returncode}")
        result = json.loads(output)
        if storm:
            end_logins(storm, case.logins, result)
        if probed:
            result["probe"] = probed
        if attackers:
            attackers.terminate()
            result["attack"] = json.loads(attackers.communicate(timeout=30)[0])
        if any(each.poll() is not None for each in servers.processes):
            result["problem"] = result["problem"] or "a server has ended"
            result["failed"] += 1
    return result
