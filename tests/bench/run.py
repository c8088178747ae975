#!/usr/bin/env python3
"""Bulkhead beside Debian's tgt (STGT), both on files in /dev/shm, loaded by fio over libiscsi on the same machine.

    tests/bench/run.py [--rounds 5] [--seconds 2] [--parts compare,wire,null,scale,wide,idle,hop] [--jobs REGEX] [--json FILE] [--docs]

All targets take turns in every round, so that whatever else the machine does hits all alike; figures are medians, ratios
the medians of the rounds' ratios. Two columns: *as shipped*, both with their defaults and nothing pinned; *at its best*, tgt
with its parameters raised, and each target under the placement that serves it best for that job, for where processes
run is most of a figure at depth 1. --docs writes docs/performance.md and its picture. Needs root the first time (apt: tgt;
fio is built).
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile
import time

import report
import wire
from load import run
from peers import ROOT, TICKS, TUNED, Bulkhead, Tgt

# rw, block size, depth; then how much faster than tgt it has to be: as shipped, at its best.
JOBS = [("randread", "4k", 1, 2.2, 1.2), ("randwrite", "4k", 1, 2.2, 1.2), ("randread", "4k", 32, 3.5, 3.0),
        ("randwrite", "4k", 32, 2.2, 2.0), ("read", "1m", 8, 1.3, 1.3), ("write", "1m", 8, 3.0, 1.0),
        ("read", "4m", 1, 1.5, 1.3), ("write", "4m", 1, 3.6, 1.3)]


def placements():
    """Name, CPUs of the target, CPUs of fio."""
    every = os.sched_getaffinity(0)
    first, second = min(every), max(every)
    found = {"unpinned": (every, None), "together": ({first}, {first})}
    if first != second:
        found["apart"] = (every - {first}, {first})
    return found


def idle_seconds():
    """Seconds that CPUs of this machine had nothing to do, all together."""
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return (int(fields[4]) + int(fields[5])) / TICKS


def medians(rows):
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}


def ratio(ours, theirs):
    return statistics.median(a["iops"] / b["iops"] for a, b in zip(ours, theirs))


def compare(options, fio, place):
    bulkhead, plain = Bulkhead(place, 1), Tgt("tgt", place, 41, {})
    tuned = Tgt("tgt tuned", place, 42, TUNED)
    targets, table = [bulkhead, plain, tuned], []
    try:
        for rw, bs, depth, *bars in JOBS:
            name = f"{rw} {bs} qd{depth}"
            if not re.search(options.jobs, name):
                continue
            rows = {}
            for _ in range(options.rounds):
                for where, (ours, clients) in placements().items():
                    # As shipped is unpinned, so Bulkhead's run of that serves both columns.
                    for target in targets if where == "unpinned" else [bulkhead, tuned]:
                        target.place(ours)
                        row = run(fio, target, rw, bs, depth, options.seconds, clients)
                        rows.setdefault((target.name, where), []).append(row)
            best = {}
            for target in (bulkhead, tuned):
                best[target.name] = max(placements(), key=lambda it: medians(rows[target.name, it])["iops"])
            shipped = {"placement": {"Bulkhead": "unpinned", "tgt": "unpinned"}, "bar": bars[0],
                       "bulkhead": medians(rows["Bulkhead", "unpinned"]), "tgt": medians(rows["tgt", "unpinned"]),
                       "ratio": ratio(rows["Bulkhead", "unpinned"], rows["tgt", "unpinned"])}
            ours, theirs = rows["Bulkhead", best["Bulkhead"]], rows["tgt tuned", best["tgt tuned"]]
            at_best = {"placement": {"Bulkhead": best["Bulkhead"], "tgt": best["tgt tuned"]}, "bar": bars[1],
                       "bulkhead": medians(ours), "tgt": medians(theirs), "ratio": ratio(ours, theirs)}
            runs = {f"{target}, {where}": row for (target, where), row in rows.items()}
            table.append({"job": name, "large": bs.endswith("m"), "as shipped": shipped, "at its best": at_best, "runs": runs})
            print(report.line(table[-1]), flush=True)
    finally:
        for target in targets:
            target.stop()
    return table


def loopback(options, _, place):
    """What TCP alone manages with the large transfers of the comparison."""
    rows = {(rw, bs): [] for rw, bs, *_ in JOBS if bs.endswith("m")}
    for _ in range(options.rounds):
        for (rw, bs), row in rows.items():
            row.append(wire.megabytes(rw, int(bs[:-1]) << 20, options.seconds, place))
    return [{"job": f"{rw} {bs}", "mb_s": statistics.median(row)} for (rw, bs), row in rows.items()]


def wide(options, fio, place):
    """Four initiators, each with a session with each of four units: what every process has of the machine's CPUs."""
    target, table = Bulkhead(place, 4, 256 << 20), []
    try:
        for rw in ("randread", "randwrite"):
            rows = []
            for _ in range(options.rounds):
                before, unused, began = target.cpus(), idle_seconds(), time.monotonic()
                row = run(fio, target, rw, "4k", 8, options.seconds, initiators=4)
                passed = time.monotonic() - began
                shares = {name: (used - before[name]) / passed * 100 for name, used in target.cpus().items()}
                rows.append({"iops": row["iops"], "p99": row["p99"], "unused": (idle_seconds() - unused) / passed * 100, **shares})
            table.append({"job": f"{rw} 4k", **medians(rows)})
    finally:
        target.stop()
    return table


def null(options, fio, place):
    """What the machinery costs when the medium costs nothing."""
    targets, table = [Bulkhead(place, 0), Tgt("tgt", place, 43, {}, 0)], []
    try:
        for rw, bs, depth in (("randread", "4k", 1), ("randread", "4k", 32), ("read", "1m", 8)):
            rows = [[], []]
            for _ in range(options.rounds):
                for target, row in zip(targets, rows):
                    row.append(run(fio, target, rw, bs, depth, options.seconds))
            table.append({"job": f"{rw} {bs} qd{depth}", "bulkhead": medians(rows[0]), "tgt": medians(rows[1]),
                          "ratio": ratio(*rows)})
    finally:
        for target in targets:
            target.stop()
    return table


def scale(options, fio, place):
    """How the cost of a command grows with units, each with a session of its own, and the memory with them."""
    table = []
    for units in (1, 16, 64, 256):
        targets = [Bulkhead(place, units, 4 << 20), Tgt("tgt", place, 44, {}, units, 4 << 20)]
        try:
            rows = [[], []]
            for _ in range(options.rounds):
                for target, row in zip(targets, rows):
                    row.append(run(fio, target, "randread", "4k", max(1, 32 // units), options.seconds))
            own, shared = targets[0].memory()
            table.append({"units": units, "bulkhead": medians(rows[0]), "tgt": medians(rows[1]), "ratio": ratio(*rows),
                          "own": own, "shared": shared})
        finally:
            for target in targets:
                target.stop()
    return table


def idle(options, fio, place):
    """Percent of one CPU that all processes use, doing nothing with a session open, and at 100 reads a second."""
    target = Bulkhead(place, 1)
    try:
        run(fio, target, "randread", "4k", 32, options.seconds)
        quiet = medians([run(fio, target, "randread", "4k", 1, 10, rate=1) for _ in range(1)])
        slow = medians([run(fio, target, "randread", "4k", 1, options.seconds * 2, rate=100) for _ in range(options.rounds)])
        return {"at 1 a second": quiet["busy"], "at 100 a second": slow["busy"]}
    finally:
        target.stop()


def hop(*_):
    command = ["cargo", "bench", "--quiet", "--locked", "-p", "ipc", "--bench", "hop"]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip()


PARTS = {"compare": compare, "wire": loopback, "null": null, "scale": scale, "wide": wide, "idle": idle, "hop": hop}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--jobs", default="")
    parser.add_argument("--json")
    parser.add_argument("--docs", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.parts.split(",")) - set(PARTS):
        parser.error(f"there is no part {', '.join(unknown)}: there are {', '.join(PARTS)}")
    if not shutil.which("tgtd") and os.geteuid() == 0:
        subprocess.run(["apt-get", "install", "-qy", "--no-install-recommends", "tgt"], stdout=subprocess.DEVNULL)
    if not shutil.which("tgtd"):
        print("bench: skipped: tgtd is missing: apt-get install tgt")
        return
    fio = os.environ.get("BULKHEAD_FIO") or subprocess.check_output([ROOT / "tests/tools/build-fio.sh"], text=True).strip()
    results = {"machine": report.machine(), "rounds": options.rounds, "seconds": options.seconds}
    for name in options.parts.split(","):
        with tempfile.TemporaryDirectory(prefix="bulkhead-bench-", dir="/dev/shm") as place:
            results[name] = PARTS[name](options, fio, pathlib.Path(place))
    print(report.text(results))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1))
    if options.docs:
        report.write(results, ROOT / "docs")


if __name__ == "__main__":
    main()
