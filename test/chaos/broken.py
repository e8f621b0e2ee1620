#!/usr/bin/python3 -B
"""Servers that are broken on purpose: chaos has to find each of them within a minute. broken.py FOLDER"""
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))

# What each is found by, and with how many instances: nothing repairs what a single one has lost. What it
# acknowledged and cannot read is refused, too.
BROKEN = {
    "ACK": (1, "lost order refused"),
    "BAN": (3, "overstepped"),
    "DEDUPE": (2, "twice never-sent"),
    "EDIT": (2, "stale changes never-sent"),
    "GAPS": (3, "hole"),
    "ORDER": (2, "hole"),
    "RESUME": (2, "hole"),
}


def main():
    folder = sys.argv[1]
    print(f"1..{len(BROKEN)}")
    failed = 0
    for number, (name, (instances, kinds)) in enumerate(BROKEN.items(), 1):
        start = time.monotonic()
        chaos = subprocess.run(
            [os.path.join(HERE, "chaos.py"), "--seconds=60", f"--instances={instances}"],
            env={**os.environ, "CHATD": os.path.join(folder, name, "chatd")}, text=True, capture_output=True)
        found = re.search(r"^VIOLATION at \S+: ([\w-]+):.*", chaos.stdout, re.MULTILINE)
        passed = chaos.returncode == 1 and found and found.group(1) in kinds.split()
        failed += not passed
        print(f"{'' if passed else 'not '}ok {number} - {name} is found after {time.monotonic() - start:.0f} s: "
              f"{found.group(0) if found else 'nothing'}", flush=True)
        if not passed:
            print("\n".join(f"# {line}" for line in (chaos.stdout + chaos.stderr).splitlines()[-60:]), flush=True)
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
