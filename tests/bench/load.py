"""One run of fio's libiscsi engine on a target, and what it and the target's processes say of it."""

import json
import subprocess
import sys

# fio takes file names of 4096 bytes altogether.
UNITS_OF_A_JOB = 32
NINES = ("50.000000", "99.000000", "99.900000")


def run(fio, target, rw, bs, depth, seconds, cpus=None, rate=None, initiators=1):
    """Depth is that of each unit. `cpus` are fio's; `rate` is in commands a second. Each initiator has a thread, and a session
    with every unit."""
    before = target.cpu()
    prefix = ["taskset", "-c", ",".join(map(str, sorted(cpus)))] if cpus else []
    lines = ["[global]", "ioengine=libiscsi", "thread=1", "group_reporting=1", f"rw={rw}", f"bs={bs}", f"runtime={seconds}",
             "time_based=1"] + ([f"rate_iops={rate}"] if rate else [])
    names = [url.replace(":", r"\:") for url in target.urls]
    for first in range(0, len(names), UNITS_OF_A_JOB):
        group = names[first:first + UNITS_OF_A_JOB]
        lines += [f"[from-{first}]", "filename=" + ":".join(group), f"iodepth={depth * len(group)}", f"numjobs={initiators}"]
    output = subprocess.run([*prefix, fio, "--output-format=json", "-"], input="\n".join(lines) + "\n", capture_output=True,
                            text=True, timeout=seconds + 120)
    if "{" not in output.stdout:
        sys.exit(f"fio failed on {target.name}: {output.stdout}{output.stderr}")
    job = json.loads(output.stdout[output.stdout.index("{"):])["jobs"][0]
    if job["error"]:
        sys.exit(f"fio met error {job['error']} on {target.name}")
    side = job["read" if rw.endswith("read") else "write"]
    used = target.cpu() - before
    p50, p99, p999 = (side["clat_ns"]["percentile"][it] / 1e3 for it in NINES)
    return {"iops": side["iops"], "mb_s": side["bw_bytes"] / 1e6, "mean": side["lat_ns"]["mean"] / 1e3, "p50": p50,
            "p99": p99, "p999": p999, "cpu": used / max(1, side["total_ios"]) * 1e6, "busy": used / seconds * 100}
