"""From the results of all runs to medians, tables and goals. Tables are Markdown, one's own eyes too."""
import os
import platform
import statistics
import subprocess
import time

FAULTS = ("lost", "doubled", "reordered", "wrong", "misacknowledged", "errors", "bad", "gone",
          "failed")


def lookup(result, key):
    for part in key.split("."):
        result = result[part]
    return result


def medians(results):
    """The same tree with the median of each number; what is no number is left out."""
    def merge(values):
        if isinstance(values[0], dict):
            return {key: merge([each[key] for each in values]) for key in values[0]
                    if not isinstance(values[0][key], str)}
        return statistics.median(values)
    return merge(results)


def measured(results):
    """The same without the cases that gave up before anything could be measured."""
    return {case: runs for case, runs in results.items()
            if runs and all(each["rooms"] == 0 or each["seconds"] > 0 for each in runs)}


def figures_of(results):
    """A goal's figures: results is {case: [result of run 1, …]}; a ratio is taken within each run."""
    results = measured(results)

    def figures(case, key, base):
        if not results.get(case) or (base and not results.get(base)):
            return None
        values = [lookup(each, key) for each in results[case]]
        if base:
            others = [lookup(each, key) for each in results[base]]
            values = [one / other for one, other in zip(values, others) if other]
        return statistics.median(values) if values else None
    return figures


def number(value):
    if value >= 1e6:
        return f"{value / 1e6:.2f} M"
    if value >= 1e4:
        return f"{value / 1e3:.0f} k"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def span(microseconds):
    return (f"{microseconds / 1000:.3g} ms" if microseconds >= 1000 else f"{microseconds:.0f} µs")


def table(head, rows):
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in [head, *rows]]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def faults(results):
    return {key: int(sum(each[key] for each in results)) for key in FAULTS}


def work_table(results):
    """Throughput, latency, memory: one row a case."""
    head = ["", "deliveries/s", "per CPU-s", "of bare", "of batch", "p50", "p90", "p99", "p99.9", "max",
            "lost/doubled/reordered", "MB", "threads", "kernel MB", "load CPU", "others"]
    figures = figures_of(results)

    def share(case, base):
        found = figures(case, "deliveriesPerCpu", base)
        return "" if found is None or case == base else f"{found:.2f}"

    rows = []
    for case, runs in measured(results).items():
        if runs[0]["rooms"] == 0:
            continue
        middle, wrong = medians(runs), faults(runs)
        memory, times = middle["memory"], middle["latency"]
        kernel = memory["end"]["kernel"] - memory["start"]["kernel"] + memory["end"]["sockets"]
        per_cpu = number(middle["deliveriesPerCpu"])
        if middle["auxCpu"] > 0:
            per_cpu += f" ({number(middle['deliveriesPerAllCpu'])} with Redis)"
        rows.append([case, number(middle["deliveriesPerSecond"]), per_cpu,
                     share(case, "bare"), share(case, "bare-batch"),
                     *(span(times[key]) for key in ("p50", "p90", "p99", "p999", "max")),
                     f"{wrong['lost']}/{wrong['doubled']}/{wrong['reordered']}",
                     f"{memory['end']['resident'] / 1024:.1f}", f"{memory['end']['threads']:.0f}",
                     f"{kernel / 1024:.0f}",
                     f"{100 * middle['loadCpu'] / max(middle['cpu'] + middle['auxCpu'], 1e-9):.0f} %",
                     f"{100 * middle['others']:.0f} %"])
    return table(head, rows)


def arrival_table(results):
    """What it takes to connect: one row a case."""
    head = ["", "connected/s", "until quiet", "CPU", "CPU each", "sent to all", "resident each",
            "kernel each, both ends", "threads", "load CPU", "others"]
    rows = []
    for case, runs in results.items():
        if runs[0]["rooms"] != 0:
            continue
        middle = medians(runs)
        connect, memory, clients = middle["connect"], middle["memory"], middle["clients"]
        grown = {key: memory["connected"][key] - memory["start"][key] for key in memory["start"]}
        # Once what connecting took has been given back.
        grown["resident"] = memory["end"]["resident"] - memory["start"]["resident"]
        rows.append([case, number(connect["perSecond"]), f"{connect['quietSeconds']:.2f} s",
                     f"{connect['cpu']:.2f} s", f"{connect['cpuMsEach']:.3f} ms",
                     f"{connect['megabytes']:.0f} MB", f"{grown['resident'] / clients:.2f} KB",
                     f"{grown['kernel'] / clients:.1f} KB", f"{memory['connected']['threads']:.0f}",
                     f"{100 * connect['loadCpu'] / max(connect['cpu'], 1e-9):.0f} %",
                     f"{100 * connect['others']:.0f} %"])
    return table(head, rows)


def wire_table(results):
    """What goes over the wire, and what that costs: one row a case."""
    rows = []
    for case, runs in measured(results).items():
        if runs[0]["rooms"] == 0:
            continue
        middle, wrong = medians(runs), faults(runs)
        rows.append([case, f"{middle['wireBytesEach']:.0f}", f"{middle['bytesEach']:.0f}",
                     f"{middle['deliveriesPerRead']:.1f}", number(middle["deliveriesPerSecond"]),
                     f"{1e6 * middle['cpu'] / max(middle['deliveries'], 1):.2f} µs",
                     f"{1e6 * middle['cpu'] / max(middle['sent'], 1):.0f} µs",
                     span(middle["latency"]["p50"]), span(middle["latency"]["p99"]),
                     f"{wrong['lost']}/{wrong['doubled']}/{wrong['reordered']}"])
    return table(["", "wire bytes each", "document", "per read", "deliveries/s", "CPU of a delivery",
                  "CPU of a message", "p50", "p99", "lost/doubled/reordered"], rows)


def probe_table(results):
    """What reading costs."""
    rows = [[case, *(f"{medians(runs)['probe'][key]:.2f} ms" for key in ("join", "resume", "page", "again"))]
            for case, runs in measured(results).items()]
    return table(["", "join", "resume, 50 missed", "page of 50", "the same again"], rows)


TABLES = {"work": work_table, "wire": wire_table, "arrival": arrival_table, "probe": probe_table}


def goal_lines(scenario, results, busy):
    """[(what, value, goal, reached or not or None)] of those that could be measured."""
    figures = figures_of(results)
    lines = []
    for goal in scenario.goals:
        try:
            value = goal.measure(figures)
        except TypeError:  # one of its cases gave no figures
            value = None
        if value is None:
            continue
        wanted = (f"at most {goal.at_most:g}" if goal.at_most is not None
                  else f"at least {number(goal.at_least)}")
        lines.append((goal.what, value, wanted, None if busy and goal.of_time else goal.is_reached(value)))
    return lines


def machine():
    """Where the figures are from; no names."""
    model, memory = "unknown", 0
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 1024 / 1024
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True,
                            cwd=os.path.dirname(os.path.abspath(__file__)), check=False)
    return {"cpu": model, "cores": os.cpu_count(), "memoryGB": round(memory), "kernel": platform.release(),
            "date": time.strftime("%Y-%m-%d"), "commit": commit.stdout.strip(),
            "loadAverage": os.getloadavg()[0]}
