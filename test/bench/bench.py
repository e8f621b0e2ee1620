#!/usr/bin/python3 -B
"""Measures chatd beside the limit of the kernel. Called by scripts/bench, which builds first."""
import argparse
import json
import os
import subprocess
import sys
import time

import report
from scenarios import SCENARIOS
from servers import LOAD, PATIENCE, TOP, Servers, end, spawn


def load_command(case, servers, quick):
    options = {**case.load, **((case.quick or {}) if quick else {})}
    limit = int((150 + options.get("duration", 5) + 2 * options.get("connect-limit", 60)) * PATIENCE)
    command = [LOAD, "--server=" + ",".join(servers.addresses), f"--limit={limit}",
               "--process=" + ",".join(str(each.pid) for each in servers.processes)]
    if servers.helpers:
        command.append("--aux=" + ",".join(str(each.pid) for each in servers.helpers))
    for name, value in options.items():
        command.append(f"--{name}" if value is True else f"--{name}={value}")
    return command, limit


def run_case(case, quick):
    """Returns what chatd-load says of one run on fresh servers."""
    with Servers(case.server, case.options, case.instances, case.redis) as servers:
        command, limit = load_command(case, servers, quick)
        load = spawn(command, stdout=subprocess.PIPE, text=True)
        try:
            output, _ = load.communicate(timeout=limit + 10)
        finally:
            end(load)
        if load.returncode not in (0, 1):
            raise RuntimeError(f"chatd-load ended with {load.returncode}")
        result = json.loads(output)
        if any(each.poll() is not None for each in servers.processes):
            result["problem"] = result["problem"] or "a server has ended"
            result["failed"] += 1
    return result


def complaint(result):
    found = {key: result[key] for key in report.FAULTS if result[key]}
    if not found and not result["problem"]:
        return ""
    return f"{found} {result['problem']}"


def run_scenario(name, runs, quick):
    """Runs all cases in turn, again and again. Returns {case: [result, …]} and the complaints."""
    scenario = SCENARIOS[name]
    cases = [case for case in scenario.cases if not quick or case.quick is not None]
    results = {case.name: [] for case in cases}
    complaints = []
    for turn in range(min(runs, scenario.runs or runs)):
        for case in cases:
            begin = time.monotonic()
            result = run_case(case, quick)
            results[case.name].append(result)
            wrong = complaint(result)
            if wrong:
                complaints.append(f"{name}, {case.name}: {wrong}")
            print(f"bench: {name}, {case.name}, run {turn + 1}: {time.monotonic() - begin:.1f} s {wrong}",
                  file=sys.stderr, flush=True)
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
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="all of them unless named")
    parser.add_argument("--runs", type=int, default=5, help="of which the medians are shown (5)")
    parser.add_argument("--quick", action="store_true",
                        help="half a minute: small, once, judges what is lost and no times")
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
    for name in arguments.scenarios or SCENARIOS:
        results, wrong = run_scenario(name, runs, arguments.quick)
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
