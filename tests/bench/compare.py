#!/usr/bin/env python3
"""Bulkhead beside Debian's tgt (STGT), both on a file in /dev/shm, loaded by fio over libiscsi.

    tests/bench/compare.py [--rounds 3] [--seconds 2] [--cpus LIST] [--jobs REGEX] [--json FILE]

Every job runs on A, B and C in turns, so that whatever else the machine does hits all alike: A is Bulkhead, B is tgt as
Debian ships it, C is tgt with its parameters raised (its defaults are slow for large writes). The table has medians, and
for each ratio the median of the ratios of neighbouring runs. CPU is that of the target's own processes, per I/O.

Where processes run is part of every figure at depth 1, since waking another core is most of it: --cpus 0 pins targets
and fio to core 0, and without it the kernel chooses. Needs root for the first run (apt: tgt; fio is built).
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("BULKHEAD_BIN_DIR", ROOT / "target/release"))
JOBS = [("randread", "4k", 1), ("randwrite", "4k", 1), ("randread", "4k", 32), ("randwrite", "4k", 32),
        ("read", "1m", 8), ("write", "1m", 8), ("read", "4m", 1), ("write", "4m", 1)]
SIZE = 1 << 30
TICKS = os.sysconf("SC_CLK_TCK")
TUNED = {"MaxRecvDataSegmentLength": "262144", "FirstBurstLength": "262144", "MaxBurstLength": "1048576",
         "InitialR2T": "No", "MaxOutstandingR2T": "4"}


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def until(what, look, seconds=20):
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            sys.exit(f"{what} did not happen within {seconds} s")
        time.sleep(0.02)
    return found


class Target:
    """Something with a URL and processes."""

    def cpu(self):
        total = 0
        for pid in self.pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Bulkhead(Target):
    name = "Bulkhead"

    def __init__(self, place, prefix):
        port = free_port()
        self.run_dir = place / "run"
        manifest = place / "manifest.toml"
        manifest.write_text(f"""
[supervisor]
run_dir = "{self.run_dir}"
[[device]]
name = "disk0"
file = {{ path = "{place}/bulkhead.img", size = {SIZE}, create = true }}
[[target]]
name = "iqn.2026-11.test:bulkhead"
portals = ["127.0.0.1:{port}"]
luns = [{{ lun = 0, device = "disk0" }}]
""")
        self.url = f"iscsi://127.0.0.1:{port}/iqn.2026-11.test:bulkhead/0"
        self.process = subprocess.Popen([*prefix, BIN / "bulkhead", "run", manifest], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        until("the start of Bulkhead", lambda: all(it["state"] == "running" for it in self.services()) and self.services())

    def services(self):
        output = subprocess.run([BIN / "bulkhead", "--run-dir", self.run_dir, "status", "--json"], capture_output=True,
                                text=True)
        return json.loads(output.stdout)["services"] if output.returncode == 0 else []

    def pids(self):
        return [self.process.pid] + [it["pid"] for it in self.services()]


class Tgt(Target):
    def __init__(self, name, place, prefix, control, keys):
        port = free_port()
        self.name = name
        image = place / f"tgt{control}.img"
        with image.open("wb") as it:
            it.truncate(SIZE)
        self.process = subprocess.Popen([*prefix, "tgtd", "-f", "-C", str(control), "--iscsi", f"portal=127.0.0.1:{port}"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def admin(*arguments):
            return subprocess.run(["tgtadm", "-C", str(control), "--lld", "iscsi", *arguments], capture_output=True).returncode == 0

        target = "iqn.2026-11.test:tgt"
        until("the start of tgtd", lambda: admin("--op", "new", "--mode", "target", "--tid", "1", "-T", target))
        admin("--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", "1", "-b", str(image))
        for key, value in keys.items():
            admin("--op", "update", "--mode", "target", "--tid", "1", "-n", key, "-v", value)
        admin("--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL")
        self.url = f"iscsi://127.0.0.1:{port}/{target}/1"

    def pids(self):
        return [self.process.pid]

    def stop(self):
        # tgtd does not end on SIGTERM while it has targets.
        self.process.kill()
        self.process.wait()


def run(fio, prefix, target, rw, bs, depth, seconds):
    before = target.cpu()
    command = [*prefix, fio, "--name=job", "--ioengine=libiscsi", "--filename=" + target.url.replace(":", r"\:"), f"--rw={rw}",
               f"--bs={bs}", f"--iodepth={depth}", f"--runtime={seconds}", "--time_based", "--output-format=json"]
    output = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    if "{" not in output.stdout:
        sys.exit(f"fio failed on {target.name}: {output.stdout}{output.stderr}")
    job = json.loads(output.stdout[output.stdout.index("{"):])["jobs"][0]
    if job["error"]:
        sys.exit(f"fio met error {job['error']} on {target.name}")
    side = job["read" if rw.endswith("read") else "write"]
    count = max(1, side["total_ios"])
    return {"iops": side["iops"], "mb_s": side["bw_bytes"] / 1e6, "mean_us": side["lat_ns"]["mean"] / 1e3,
            "p99_us": side["clat_ns"]["percentile"]["99.000000"] / 1e3, "cpu_us": (target.cpu() - before) / count * 1e6}


def compare(options, fio, prefix, targets):
    table = []
    names = "  ".join(f"{target.name:>36}" for target in targets)
    print(f"{'':18}{names}   ratio to")
    columns = f"{'iops':>8} {'MB/s':>6} {'mean us':>8} {'p99 us':>7} {'cpu':>3}"
    print(f"{'job':18}" + "  ".join(f"{columns:>36}" for _ in targets) + "   " + "  ".join(it.name for it in targets[1:]))
    for rw, bs, depth in JOBS:
        name = f"{rw} {bs} qd{depth}"
        if not re.search(options.jobs, name):
            continue
        rows = [[] for _ in targets]
        for _ in range(options.rounds):
            for row, target in zip(rows, targets):
                row.append(run(fio, prefix, target, rw, bs, depth, options.seconds))
        medians = [{key: statistics.median(it[key] for it in row) for key in row[0]} for row in rows]
        ratios = [statistics.median(a["iops"] / b["iops"] for a, b in zip(rows[0], row)) for row in rows[1:]]
        cells = (f"{it['iops']:8.0f} {it['mb_s']:6.0f} {it['mean_us']:8.1f} {it['p99_us']:7.0f} {it['cpu_us']:3.0f}" for it in medians)
        print(f"{name:18}" + "  ".join(f"{cell:>36}" for cell in cells) + "   " + "  ".join(f"{it:8.2f}" for it in ratios), flush=True)
        table.append({"job": name, "ratios": ratios, "medians": medians, "runs": rows})
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--cpus", default="")
    parser.add_argument("--jobs", default="")
    parser.add_argument("--json")
    options = parser.parse_args()
    if not shutil.which("tgtd") and os.geteuid() == 0:
        subprocess.run(["apt-get", "install", "-qy", "--no-install-recommends", "tgt"], stdout=subprocess.DEVNULL)
    if not shutil.which("tgtd"):
        print("compare: skipped: tgtd is missing: apt-get install tgt")
        return
    fio = os.environ.get("BULKHEAD_FIO") or subprocess.check_output([ROOT / "tests/tools/build-fio.sh"], text=True).strip()
    prefix = ["taskset", "-c", options.cpus] if options.cpus else []
    targets = []
    with tempfile.TemporaryDirectory(prefix="bulkhead-bench-", dir="/dev/shm") as place:
        place = pathlib.Path(place)
        try:
            targets.append(Bulkhead(place, prefix))
            targets.append(Tgt("tgt", place, prefix, 41, {}))
            targets.append(Tgt("tgt tuned", place, prefix, 42, TUNED))
            print(f"{os.cpu_count()} CPUs, processes on {options.cpus or 'any'}; {options.rounds} rounds of {options.seconds} s; medians")
            table = compare(options, fio, prefix, targets)
        finally:
            for target in targets:
                target.stop()
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
