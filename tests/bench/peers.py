"""The targets that are measured: Bulkhead, and Debian's tgt (STGT) as it comes and tuned, each with its processes."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("BULKHEAD_BIN_DIR", ROOT / "target/release"))
TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20
# The defaults of tgt are slow for large writes.
TUNED = {"MaxRecvDataSegmentLength": "262144", "FirstBurstLength": "262144", "MaxBurstLength": "1048576",
         "InitialR2T": "No", "MaxOutstandingR2T": "4"}
NAME = "iqn.2026-11.test:bench"


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


def used(pid):
    """Seconds of CPU that a process has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Target:
    """Something with URLs and processes."""

    def cpu(self):
        """Seconds of CPU that all its processes have used."""
        return sum(map(used, self.pids()))

    def memory(self):
        """Bytes of the memory of its own that all its processes have (anonymous), and of what they share (arenas, rings)."""
        own, shared = 0, 0
        for pid in self.pids():
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss_Anon:") or line.startswith("Pss_File:"):
                    own += int(line.split()[1]) << 10
                elif line.startswith("Pss_Shmem:"):
                    shared += int(line.split()[1]) << 10
        return own, shared

    def place(self, cpus):
        """Moves all threads of all processes to these CPUs."""
        for pid in self.pids():
            for thread in os.listdir(f"/proc/{pid}/task"):
                os.sched_setaffinity(int(thread), cpus)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Bulkhead(Target):
    name = "Bulkhead"

    def __init__(self, place, devices, size=1 << 30, more=""):
        """`devices` units, each of the file backend, or one null device if it is 0; `more` goes into the manifest."""
        port = free_port()
        self.run_dir = place / "run"
        manifest = place / "manifest.toml"
        lines = [f'[supervisor]\nrun_dir = "{self.run_dir}"\nstate_dir = "{place}/state"\n', more]
        for lun in range(max(devices, 1)):
            backend = (f'file = {{ path = "{place}/bulkhead{lun}.img", size = {size}, create = true }}' if devices
                       else f"null = {{ size = {size} }}")
            lines.append(f'[[device]]\nname = "disk{lun}"\n{backend}\n')
        luns = ", ".join(f'{{ lun = {lun}, device = "disk{lun}" }}' for lun in range(max(devices, 1)))
        lines.append(f'[[target]]\nname = "{NAME}"\nportals = ["127.0.0.1:{port}"]\nluns = [{luns}]\n')
        manifest.write_text("\n".join(lines))
        self.urls = [f"iscsi://127.0.0.1:{port}/{NAME}/{lun}" for lun in range(max(devices, 1))]
        output = (place / "bulkhead.log").open("w")
        self.process = subprocess.Popen([BIN / "bulkhead", "run", manifest], stdout=output, stderr=output)
        until("the start of Bulkhead", lambda: (found := self.status()) and
              all(it["state"] == "running" for it in found["services"]))

    def status(self):
        output = subprocess.run([BIN / "bulkhead", "--run-dir", self.run_dir, "status", "--json"], capture_output=True,
                                text=True)
        return json.loads(output.stdout) if output.returncode == 0 else None

    def cpus(self):
        """The same by service."""
        return {it["name"]: used(it["pid"]) for it in self.status()["services"]}

    def pids(self):
        status = self.status()
        return [self.process.pid, status["pid"]] + [it["pid"] for it in status["services"]]


class Tgt(Target):
    def __init__(self, name, place, control, keys, devices=1, size=1 << 30):
        port = free_port()
        self.name = name
        self.process = subprocess.Popen(["tgtd", "-f", "-C", str(control), "--iscsi", f"portal=127.0.0.1:{port}"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def admin(*arguments):
            command = ["tgtadm", "-C", str(control), "--lld", "iscsi", *arguments]
            return subprocess.run(command, capture_output=True).returncode == 0

        until("the start of tgtd", lambda: admin("--op", "new", "--mode", "target", "--tid", "1", "-T", NAME))
        for lun in range(1, max(devices, 1) + 1):
            image = place / f"tgt{control}-{lun}.img"
            with image.open("wb") as it:
                it.truncate(size)
            backend = ["-b", str(image)] + ([] if devices else ["--bstype", "null"])
            admin("--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", str(lun), *backend)
        for key, value in keys.items():
            admin("--op", "update", "--mode", "target", "--tid", "1", "-n", key, "-v", value)
        admin("--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL")
        self.urls = [f"iscsi://127.0.0.1:{port}/{NAME}/{lun}" for lun in range(1, max(devices, 1) + 1)]

    def pids(self):
        return [self.process.pid]

    def stop(self):
        # tgtd does not end on SIGTERM while it has targets.
        self.process.kill()
        self.process.wait()
