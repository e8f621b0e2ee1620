#!/usr/bin/python3 -B
"""Where chatd's time goes in a scenario, by kind of thread: test/bench/profile.py SCENARIO [CASE]

Needs perf, and stacks that it can walk, so build with frame pointers and measure that build:
    make BUILD=build/profile CFLAGS='-O2 -g -fno-omit-frame-pointer' build/profile/chatd benches
    BUILD=build/profile test/bench/profile.py a
With more than one instance the first one is looked at, which has the senders.
"""
import collections
import os
import re
import subprocess
import sys
import tempfile

from runs import run_case
from scenarios import SCENARIOS

SECONDS = 4
# What a sample counts as: the first whose pattern is found in one of its frames, "library:symbol".
KINDS = [(name, re.compile(pattern)) for name, pattern in (
    ("getpeername", "getpeername"), ("send", ":.*send(msg|to)?$|:.*_sendmsg"), ("write", ":.*pwrite"),
    ("sync", ":.*f(data)?sync"), ("file locks", ":.*fcntl"), ("recv", ":(.*_)?recv(from)?$"),
    ("epoll", "epoll_(p?wait|ctl)"), ("accept", "accept"),
    ("wake", "futex_wake|lock_wake|cond_signal|sem_post|eventfd_write"),
    ("sleep", "futex|sem_wait"), ("page faults", "page_fault"), ("SQLite", "^libsqlite"),
    ("cJSON", "^libcjson"), ("libsodium", "^libsodium"), ("civetweb", "^libcivetweb"),
    ("malloc", ":(_int_)?(malloc|free|realloc|calloc)|:cfree|:unlink_chunk|:sysmalloc"))]


def samples(path):
    """[(thread, [frame, …])], innermost first."""
    text = subprocess.run(["perf", "script", "-i", path, "-F", "tid,ip,sym,dso"], check=True,
                          capture_output=True, text=True, errors="replace").stdout
    for block in text.split("\n\n"):
        lines = block.strip().split("\n")
        if lines[0].split()[:1]:
            found = (re.match(r"\s*[0-9a-f]+ (\S+).*\((.*)\)$", line) for line in lines[1:])
            yield lines[0].split()[0], [f"{os.path.basename(each[2])}:{each[1]}" for each in found if each]


def kind_of(frames):
    for name, pattern in KINDS:
        if any(map(pattern.search, frames)):
            return name
    return f"own: {frames[0].split(':', 1)[1]}" if frames and frames[0].startswith("chatd:") else "other"


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in SCENARIOS:
        sys.exit(__doc__)
    # The last one is the largest, which perf has time to look at.
    case = [each for each in SCENARIOS[name].cases
            if each.server == "chatd" and each.name == (sys.argv[2:] or [each.name])[0]][-1]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "perf")

        def watch(servers, load):
            if case.load.get("rooms") != 0:
                load.stderr.readline()  # until it measures
            subprocess.run(["perf", "record", "-q", "-g", "-F", "1999", "-o", path, "-p",
                            str(servers.processes[0].pid), "--", "sleep", str(SECONDS)], check=True)

        result = run_case(case, {"duration": SECONDS + 2, "progress": True}, watch)
        found = list(samples(path))
    threads, kinds = {}, collections.defaultdict(collections.Counter)
    for thread, frames in found:
        for frame in frames:
            if frame.startswith("chatd:") and frame.endswith("_main"):
                threads[thread] = frame.split(":")[1]
    for thread, frames in found:
        kinds[threads.get(thread, "civetweb and others")][kind_of(frames)] += 1
    print(f"{len(found)} samples; {result['deliveriesPerSecond']:.0f} deliveries/s, "
          f"{result['deliveriesPerCpu']:.0f} per CPU-second, others {100 * result['others']:.0f} %")
    for thread, counts in sorted(kinds.items(), key=lambda each: -each[1].total()):
        shares = [f"{kind} {100 * count / len(found):.1f}" for kind, count in counts.most_common(10)
                  if count > 0.002 * len(found)]
        print(f"{100 * counts.total() / len(found):5.1f} % {thread}: {', '.join(shares)}")


main()
