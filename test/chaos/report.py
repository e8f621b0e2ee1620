"""What a run prints, and what it keeps of a failure."""
import os
import shutil


def report(world):
    checker = world.checker
    counts = dict(world.counts)
    main = {"sent": checker.sent_count, "acked": checker.acked_count, "refused": checker.refused_count}
    for name in "retried", "delivered", "resumed", "truncated", "fetched":
        main[name] = counts.pop(name, 0)
    print("chaos: " + ", ".join(f"{value} {name}" for name, value in main.items()))
    faults = {name[6:]: counts.pop(name) for name in sorted(counts) if name.startswith("fault ")}
    print(f"chaos: {sum(faults.values())} faults: " + ", ".join(f"{n} {name}" for name, n in faults.items()))
    print("chaos: " + ", ".join(f"{n} {name}" for name, n in sorted(counts.items())))
    for what, counted in ("closed with", world.closes), ("errors", world.errors):
        if counted:
            print(f"chaos: {what} " + ", ".join(f"{code}: {n}" for code, n in counted.most_common()))


def report_failure(options, world, folder, artefacts):
    keep = os.path.join(artefacts, f"chaos-{options.seed}")
    lines = []
    for when, violation in world.violations[:5]:
        lines.append(f"VIOLATION at {when:.3f}: {violation}")
        lines += [f"    {line}" for line in violation.evidence]
    lines.append("what was done before:")
    lines += [f"    {line}" for line in world.steps[-12:]]
    lines.append(f"seed {options.seed}: logs and database are in {keep}")
    print("\n".join(lines))
    shutil.rmtree(keep, ignore_errors=True)
    shutil.copytree(folder, keep, ignore=shutil.ignore_patterns("*.sock"))
    with open(os.path.join(keep, "report"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines + ["all that was done:", *world.steps]) + "\n")
