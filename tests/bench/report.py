"""What was measured, as lines, as Markdown and as a picture."""

import datetime
import os
import pathlib
import platform

COLUMNS = ("as shipped", "at its best")


def machine():
    """A line that says where it was measured."""
    model = [line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return (f"{datetime.date.today()}, {len(os.sched_getaffinity(0))} CPUs ({model[0] if model else platform.machine()}), "
            f"{memory} GiB, Linux {platform.release()}")


def amount(row, large):
    return f"{row['mb_s']:.0f} MB/s" if large else f"{row['iops'] / 1e3:.1f} k/s"


def line(entry):
    """A job, while the others are still to come."""
    parts = [f"{entry['job']:18}"]
    for column in COLUMNS:
        it = entry[column]
        parts.append(f"{column}: {amount(it['bulkhead'], entry['large']):>10} against {amount(it['tgt'], entry['large']):>10}, "
                     f"{it['ratio']:.2f} (bar {it['bar']})")
    return "  ".join(parts)


def table(head, rows):
    rule = ["---"] * len(head)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *rows]) + "\n"


def compared(entries, column):
    head = ["job", "Bulkhead", "tgt", "ratio", "bar", "p50 us", "p99 us", "p99.9 us", "CPU us per command", "placement"]
    rows = []
    for entry in entries:
        it = entry[column]
        ours, theirs = it["bulkhead"], it["tgt"]
        pair = lambda key: f"{ours[key]:.0f} / {theirs[key]:.0f}"
        where = sorted(set(it["placement"].values()))
        where = where[0] if len(where) == 1 else " / ".join(it["placement"].values())
        rows.append([entry["job"], amount(ours, entry["large"]), amount(theirs, entry["large"]), f"**{it['ratio']:.2f}**",
                     f"{it['bar']}", pair("p50"), pair("p99"), pair("p999"), f"{ours['cpu']:.1f} / {theirs['cpu']:.1f}", where])
    return table(head, rows)


def text(results):
    """All of it as Markdown."""
    parts = []
    if entries := results.get("compare"):
        parts.append("## As shipped\n\nBoth with their defaults, nothing pinned.\n\n" + compared(entries, COLUMNS[0]))
        parts.append("## At its best\n\ntgt with MaxRecvDataSegmentLength and FirstBurstLength 256 KiB, MaxBurstLength 1 MiB, "
                     "InitialR2T No, MaxOutstandingR2T 4. Each target under the placement that serves it best: unpinned, all "
                     "on one CPU with the client (together), or target and client on CPUs of their own (apart).\n\n"
                     + compared(entries, COLUMNS[1]))
    if entries := results.get("wire"):
        rows = [[it["job"], f"{it['mb_s']:.0f} MB/s"] for it in entries]
        parts.append("## What TCP alone manages\n\nOne process that sends and one that receives, of which the second one also writes to the "
                     "file (or reads from it before it sends), over loopback, nothing pinned: no target is much faster with large "
                     "transfers on this machine.\n\n" + table(["transfers", "TCP"], rows))
    if entries := results.get("null"):
        rows = [[it["job"], f"{it['bulkhead']['iops']:.0f}", f"{it['tgt']['iops']:.0f}", f"{it['ratio']:.2f}",
                 f"{it['bulkhead']['cpu']:.1f} / {it['tgt']['cpu']:.1f}"] for it in entries]
        parts.append("## A medium that costs nothing\n\nThe null devices of both: what the machinery costs.\n\n"
                     + table(["job", "Bulkhead, commands a second", "tgt", "ratio", "CPU us per command"], rows))
    if entries := results.get("scale"):
        rows = [[str(it["units"]), f"{it['bulkhead']['iops']:.0f}", f"{it['tgt']['iops']:.0f}", f"{it['ratio']:.2f}",
                 f"{it['bulkhead']['cpu']:.1f} / {it['tgt']['cpu']:.1f}", f"{it['bulkhead']['p99']:.0f} / {it['tgt']['p99']:.0f}",
                 f"{it['own'] / 2**20:.0f}", f"{it['shared'] / 2**20:.0f}"] for it in entries]
        parts.append("## Many units\n\nUnits with a session each, random reads of 4 KiB, 32 commands in flight altogether (one a "
                     "unit from 32 units on). Memory is that of all processes of Bulkhead: their own, and the shared arenas, rings and "
                     "notebooks.\n\n"
                     + table(["units", "Bulkhead, commands a second", "tgt", "ratio", "CPU us per command", "p99 us", "own MiB",
                              "shared MiB"], rows))
    if entries := results.get("wide"):
        services = [name for name in entries[0] if name not in ("job", "iops", "p99", "unused")]
        rows = [[it["job"], f"{it['iops']:.0f}", f"{it['p99']:.0f}", *(f"{it[name]:.0f} %" for name in services),
                 f"{it['unused']:.0f} %"] for it in entries]
        parts.append("## Four initiators, four units\n\nSixteen sessions of depth 8, one process of each kind. Shares are of one CPU; what is "
                     "missing is the initiators'.\n\n"
                     + table(["job", "commands a second", "p99 us", *services, "unused"], rows))
    if entry := results.get("idle"):
        rows = [[name, f"{percent:.2f} %"] for name, percent in entry.items()]
        parts.append("## Nearly idle\n\nOf one CPU, all processes together.\n\n" + table(["reads", "CPU"], rows))
    if said := results.get("hop"):
        parts.append(f"## The hop between processes\n\n```text\n{said}\n```\n")
    return "\n".join(parts)


def write(results, docs):
    """docs/performance.md and docs/performance.svg."""
    head = (f"# Performance\n\nWritten by `make bench`; do not edit. Bulkhead with all that makes it survive deaths, beside Debian's tgt (STGT), "
            f"both serving files in /dev/shm through the page cache to fio's libiscsi engine on the same machine. Medians of "
            f"{results['rounds']} rounds of {results['seconds']} s in which the targets took turns. Where two figures stand, "
            f"Bulkhead's is the first.\n\n{results['machine']}.\n\n")
    if results.get("compare"):
        (docs / "performance.svg").write_text(picture(results["compare"]))
        head += "![Bulkhead over tgt, by job](performance.svg)\n\n"
    (docs / "performance.md").write_text(head + text(results))


def picture(entries):
    """The ratios as bars, with a line where both are equally fast, and a tick where the bar is."""
    height, left, width = 26, 150, 560
    most = max([it[column]["ratio"] for it in entries for column in COLUMNS] + [it[c]["bar"] for it in entries for c in COLUMNS])
    at = lambda ratio: left + ratio / most * width
    colours = dict(zip(COLUMNS, ("#2b6cb0", "#90cdf4")))
    rows, y = [], 40
    for entry in entries:
        rows.append(f'<text x="{left - 8}" y="{y + height - 4}" text-anchor="end">{entry["job"]}</text>')
        for column in COLUMNS:
            it = entry[column]
            rows.append(f'<rect x="{left}" y="{y}" width="{at(it["ratio"]) - left:.0f}" height="{height - 8}" fill="{colours[column]}"/>')
            rows.append(f'<text x="{at(it["ratio"]) + 6:.0f}" y="{y + height - 13}" font-size="11">{it["ratio"]:.2f}</text>')
            rows.append(f'<line x1="{at(it["bar"]):.0f}" x2="{at(it["bar"]):.0f}" y1="{y - 2}" y2="{y + height - 6}" stroke="#1a202c" stroke-width="2"/>')
            y += height - 6
        y += 10
    one = f'<line x1="{at(1):.0f}" x2="{at(1):.0f}" y1="34" y2="{y}" stroke="#c53030" stroke-dasharray="4 3"/>'
    keys = "".join(f'<rect x="{left + 170 * n}" y="12" width="14" height="12" fill="{colours[column]}"/>'
                   f'<text x="{left + 170 * n + 20}" y="22">{column}</text>' for n, column in enumerate(COLUMNS))
    note = f'<text x="{at(1) + 4:.0f}" y="{y + 14}" font-size="11" fill="#c53030">as fast as tgt</text>'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 60}" height="{y + 24}" font-family="sans-serif" font-size="13">'
            f'<rect width="100%" height="100%" fill="white"/>{keys}{one}{"".join(rows)}{note}</svg>\n')
