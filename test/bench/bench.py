#!/usr/bin/python3 -B
"""Measures chatd beside the limit of the kernel. Called by scripts/bench, which builds first."""
import argparse
import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import database
import report
from scenarios import SCENARIOS
from servers import LOAD, PATIENCE, TOP, Servers, end, spawn

TRIES = 4  # of a run that others disturb


def load_command(case, servers, arguments):
    options = {**case.load, **((case.quick or {}) if arguments.quick else {})}
    if arguments.seconds and "idle" not in options and not case.is_long:
        options["duration"] = arguments.seconds
    limit = int((150 + options.get("duration", 5) + 2 * options.get("connect-limit", 60)) * PATIENCE)
    command = [LOAD, "--server=" + ",".join(servers.addresses), f"--limit={limit}",
               "--process=" + ",".join(str(each.pid) for each in servers.processes)]
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


def run_case(case, arguments):
    """Returns what chatd-load says of one run on fresh servers."""
    stored = database_of(case) if case.stored else None
    with Servers(case.server, case.options, case.instances, case.redis, stored) as servers:
        probed = database.probe(servers.addresses[0]) if stored else None
        command, limit = load_command(case, servers, arguments)
        load = spawn(command, stdout=subprocess.PIPE, text=True)
        try:
            output, _ = load.communicate(timeout=limit + 10)
        finally:
            end(load)
        if load.returncode not in (0, 1):
            raise RuntimeError(f"chatd-load ended with {load.returncode}")
        result = json.loads(output)
        if probed:
            result["probe"] = probed
        if any(each.poll() is not None for each in servers.processes):
            result["problem"] = result["problem"] or "a server has ended"
            result["failed"] += 1
    return result


def busy():
    """(busy, all) ticks of the machine so far."""
    with open("/proc/stat") as file:
        ticks = [int(each) for each in file.readline().split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def wait_for_calm(limit):
    """Until the machine has had a second with little to do, `limit` seconds at most."""
    end_at = time.monotonic() + limit
    while time.monotonic() < end_at:
        before = busy()
        time.sleep(1)
        used, passed = (now - then for now, then in zip(busy(), before))
        if used < 0.1 * passed:
            return


def others(result):
    """The share of the machine that others had in what was measured."""
    return (result if result["rooms"] else result["connect"])["others"]


def run_calmly(case, arguments):
    """Again, a few times, where others used the machine meanwhile; the calmest of these counts."""
    tries = []
    while not tries or (len(tries) < TRIES and others(tries[-1]) > arguments.others):
        wait_for_calm(arguments.wait)
        tries.append(run_case(case, arguments))
        if complaint(tries[-1]):
            return tries[-1]
    return min(tries, key=others)


def complaint(result):
    found = {key: result[key] for key in report.FAULTS if result[key]}
    if not found and not result["problem"]:
        return ""
    return f"{found} {result['problem']}"


def run_scenario(name, runs, arguments):
    """Runs all cases in turn, again and again. Returns {case: [result, …]} and the complaints."""
    scenario = SCENARIOS[name]
    cases = [case for case in scenario.cases if not arguments.quick or case.quick is not None]
    results = {case.name: [] for case in cases}
    complaints = []
    for turn in range(min(runs, scenario.runs or runs)):
        for case in cases:
            begin = time.monotonic()
            result = run_calmly(case, arguments)
            results[case.name].append(result)
            wrong = complaint(result)
            if wrong:
                complaints.append(f"{name}, {case.name}: {wrong}")
            print(f"bench: {name}, {case.name}, run {turn + 1}: {time.monotonic() - begin:.1f} s, "
                  f"others {100 * others(result):.0f} % {wrong}", file=sys.stderr, flush=True)
    return results, complaints


def show(name, results):
    scenario = SCENARIOS[name]
    print(f"\n### ({name}) {scenario.title}\n")
    for each in scenario.tables:
        print(report.TABLES[each](results) + "\n")
    goals = report.goal_lines(scenario, results)
    for what, value, wanted, reached in goals:
        print(f"- {what}: {report.number(value)}, goal {wanted}: {'reached' if reached else 'not reached'}")
    sys.stdout.flush()
    return [dict(zip(("what", "value", "goal", "reached"), each)) for each in goals]


def parse():
    parser = argparse.ArgumentParser(
        prog="scripts/bench", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measures chatd and the limit of the kernel, in turn.",
        epilog="\n".join(f"  {name:6} {each.title}" for name, each in SCENARIOS.items()))
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="all but size unless named")
    parser.add_argument("--runs", type=int, default=5, help="of which the medians are shown (5)")
    parser.add_argument("--quick", action="store_true",
                        help="half a minute: small, once, judges what is lost and no times")
    parser.add_argument("--seconds", type=float, help="measured time of a run, where it is not fixed")
    parser.add_argument("--others", type=float, default=1, metavar="SHARE",
                        help="repeat a run in which others had more than this of the machine (1)")
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS",
                        help="before each run, at most so long, until the machine is idle (0)")
    parser.add_argument("--json", metavar="FILE", default=os.path.join(TOP, "artefacts", "bench.json"),
                        help="where all results go (artefacts/bench.json)")
    arguments = parser.parse_args()
    unknown = set(arguments.scenarios) - set(SCENARIOS)
    if unknown or arguments.runs < 1:
        parser.error(f"no such scenario: {', '.join(unknown)}" if unknown else "--runs is 1 or more")
    return arguments


def main():
    arguments = parse()
    runs = 1 if arguments.quick else arguments.runs
    document = {"machine": report.machine(), "runs": runs, "scenarios": {}}
    complaints = []
    names = arguments.scenarios or [name for name, each in SCENARIOS.items() if not each.is_named]
    for name in names:
        results, wrong = run_scenario(name, runs, arguments)
        complaints += wrong
        if not any(results.values()):
            continue
        goals = [] if arguments.quick else show(name, results)
        document["scenarios"][name] = {
            "goals": goals, "runs": results,
            "medians": {case: report.medians(each) for case, each in results.items()}}
        os.makedirs(os.path.dirname(os.path.abspath(arguments.json)), exist_ok=True)
        with open(arguments.json, "w") as file:
            json.dump(document, file, indent=1)
    print()
    for each in complaints:
        print(f"bench: {each}")
    count = sum(len(runs) for each in document["scenarios"].values() for runs in each["runs"].values())
    print(f"{count} runs, {len(complaints)} of them with losses or errors")
    sys.exit(bool(complaints))


main()
