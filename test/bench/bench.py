#!/usr/bin/python3 -B
"""Measures chatd beside the limit of the kernel. Called by scripts/bench, which builds first."""
import argparse
import json
import os
import sys
import time

import report
from runs import run_case
from scenarios import SCENARIOS
from servers import TOP

TRIES = 4  # of a run that others disturb
BUSY = 0.2  # share of the machine that others may have without a word


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
    changes = dict((case.quick or {}) if arguments.quick else {})
    if arguments.seconds and "idle" not in case.load and not case.is_long:
        changes["duration"] = arguments.seconds
    tries = []
    while not tries or (len(tries) < TRIES and others(tries[-1]) > arguments.others):
        wait_for_calm(arguments.wait)
        tries.append(run_case(case, changes))
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
    for turn in range(runs or scenario.runs):
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
    most = max(others(each) for each in sum(results.values(), []))
    goals = report.goal_lines(scenario, results, most > BUSY)
    verdict = {True: "reached", False: "not reached", None: "cannot be told on a busy machine"}
    for what, value, wanted, reached in goals:
        print(f"- {what}: {report.number(value)}, goal {wanted}: {verdict[reached]}")
    if most > BUSY:
        print(f"\nOthers had up to {100 * most:.0f} % of the machine meanwhile: times and what is a "
              "second mean little, what is per CPU-second and memory do.")
    sys.stdout.flush()
    return [dict(zip(("what", "value", "goal", "reached"), each)) for each in goals]


def parse():
    parser = argparse.ArgumentParser(
        prog="scripts/bench", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measures chatd and the limit of the kernel, in turn.",
        epilog="\n".join(f"  {name:6} {each.title}" for name, each in SCENARIOS.items()))
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="all but deflate, hostile and size unless named")
    parser.add_argument("--runs", type=int, help="of which the medians are shown (5; 3 where one takes long)")
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
    if unknown or arguments.runs is not None and arguments.runs < 1:
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
