#!/usr/bin/env python3
"""Instructions, allocations and system calls that a command costs in each process: figures that no noise reaches.

    tests/bench/instructions.py [--jobs randread:32,...] [--services iscsi-svc,core-svc,vdisk-svc]

Each service in turn runs under valgrind while fio sends commands of 4 KiB; what two runs of different length differ by is
what the commands between cost. Nobody polls in these runs, so that waiting costs no instructions; system calls are counted by
strace with polling as it comes. Needs valgrind, strace and fio with libiscsi (tests/tools/build-fio.sh).
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from peers import BIN, ROOT, Bulkhead

SHORT, LONG = 1000, 6000
SIZE = 64 << 20


def send(fio, target, rw, depth, count):
    url = target.urls[0].replace(":", r"\:")
    command = [fio, "--name=job", "--ioengine=libiscsi", f"--filename={url}", f"--rw={rw}", "--bs=4k", f"--iodepth={depth}",
               f"--number_ios={count}", f"--size={SIZE}", "--io_size=1t", "--output-format=json"]
    output = subprocess.run(command, capture_output=True, text=True, timeout=300)
    job = json.loads(output.stdout[output.stdout.index("{"):])["jobs"][0]
    if job["error"]:
        sys.exit(f"fio met error {job['error']}")


def start(place, poll, libexec=None):
    if libexec:
        os.environ["BULKHEAD_LIBEXEC"] = str(libexec)
    try:
        services = "".join(f'[[service]]\nkind = "{kind}"\n{poll}\n' for kind in ("core", "iscsi", "vdisk"))
        return Bulkhead(place, 1, SIZE, services)
    finally:
        os.environ.pop("BULKHEAD_LIBEXEC", None)


def under_valgrind(fio, service, tool, rw, depth, count):
    """Runs a service under a tool of valgrind's, and returns the file that this writes."""
    with tempfile.TemporaryDirectory(prefix="bulkhead-valgrind-", dir="/dev/shm") as name:
        place = pathlib.Path(name)
        libexec, out = place / "libexec", place / "out"
        libexec.mkdir()
        for kind in ("core-svc", "iscsi-svc", "vdisk-svc"):
            (libexec / kind).symlink_to((BIN / kind).resolve())
        (libexec / service).unlink()
        script = libexec / service
        script.write_text(f'#!/bin/sh\nexec valgrind -q --tool={tool} --{tool}-out-file={out} {(BIN / service).resolve()} "$@"\n')
        script.chmod(0o755)
        target = start(place, "poll_us = 0", libexec)
        try:
            send(fio, target, rw, depth, count)
        finally:
            target.stop()
        return out.read_text()


def instructions(text):
    return int(re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)[1])


def allocations(text):
    return sum(point["tbk"] for point in json.loads(text)["pps"])


def system_calls(fio, rw, depth):
    with tempfile.TemporaryDirectory(prefix="bulkhead-strace-", dir="/dev/shm") as name:
        place = pathlib.Path(name)
        target = start(place, "")
        found = {}
        try:
            tracers = {it["name"]: subprocess.Popen(["strace", "-qcf", "-p", str(it["pid"]), "-o", place / it["name"]])
                       for it in target.status()["services"]}
            time.sleep(1)
            send(fio, target, rw, depth, LONG)
            for tracer in tracers.values():
                tracer.send_signal(signal.SIGINT)
                tracer.wait(10)
            for service in tracers:
                lines = [line.split() for line in (place / service).read_text().splitlines()]
                counts = {line[-1]: int(line[3]) for line in lines if len(line) >= 5 and line[3].isdigit() and line[-1] != "total"}
                found[f"{service}-svc"] = ", ".join(f"{name} {count / LONG:.2f}" for name, count in sorted(
                    counts.items(), key=lambda it: -it[1]) if count / LONG >= 0.02)
        finally:
            target.stop()
        return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", default="randread:1,randread:32,randwrite:1,randwrite:32")
    parser.add_argument("--services", default="iscsi-svc,core-svc,vdisk-svc")
    options = parser.parse_args()
    for tool in ("valgrind", "strace"):
        if not shutil.which(tool):
            sys.exit(f"instructions: {tool} is missing: apt-get install {tool}")
    fio = os.environ.get("BULKHEAD_FIO") or subprocess.check_output([ROOT / "tests/tools/build-fio.sh"], text=True).strip()
    print("| job | process | instructions | allocations | system calls |\n| --- | --- | --- | --- | --- |")
    for job in options.jobs.split(","):
        rw, depth = job.split(":")
        calls = system_calls(fio, rw, int(depth))
        for service in options.services.split(","):
            cost = []
            for tool, read in (("callgrind", instructions), ("dhat", allocations)):
                short, long = (read(under_valgrind(fio, service, tool, rw, int(depth), count)) for count in (SHORT, LONG))
                cost.append((long - short) / (LONG - SHORT))
            print(f"| {rw} 4k qd{depth} | {service} | {cost[0]:.0f} | {cost[1]:.3f} | {calls[service]} |", flush=True)


if __name__ == "__main__":
    main()
