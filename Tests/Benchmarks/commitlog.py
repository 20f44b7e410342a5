"""The commit log alone: ratios against `dd` and `cat` in one run, and what opening and looking up cost."""

import os
import shutil
import statistics
import subprocess
import sys
import time


def numbers(command):
    """Runs a benchmark, and reads its line of NAME=NUMBER."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return {name: float(number) for name, number in (word.split("=") for word in done.stdout.split())}


def wall(command):
    start = time.perf_counter()
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def fresh(path):
    shutil.rmtree(path, ignore_errors=True)
    os.sync()
    return path


def measure(program, penstock, folder, megabytes, rounds, partitions):
    data = folder / "log"
    appends, verifies, scans, recoveries = [], [], [], []
    for _ in range(rounds):
        append = numbers([program, "append", fresh(data), str(megabytes)])
        segments = " ".join(f'"{file}"' for file in sorted((data / "bench-0").glob("*.log")))
        copy = folder / "dd.out"
        copy.unlink(missing_ok=True)
        os.sync()
        # The same bytes from the page cache, in the same pieces, synced once.
        dd = wall(f'cat {segments} | dd of="{copy}" bs=64k iflag=fullblock conv=fdatasync')
        plain = folder / "dd.in"
        if append["bytes"] < 1 << 30:
            os.replace(copy, plain)
            os.sync()
            dd = wall(f'dd if="{plain}" of="{copy}" bs=64k conv=fdatasync')
        appends.append({"log": append["seconds"], "dd": dd, "ratio": dd / append["seconds"],
                        "mib_s": append["bytes"] / append["seconds"] / 2**20})
        for file in (copy, plain):
            file.unlink(missing_ok=True)
        cat = wall(f"cat {segments} | wc -c")
        for found, how in ((scans, "scan"), (recoveries, "open")):
            # So that all of it lies past the recovery point.
            (data / "recovery-point-offset-checkpoint").unlink(missing_ok=True)
            recovery = numbers([program, how, data])
            found.append(recovery["read"] / recovery["seconds"] / 1e9)
        verify = wall(f'"{penstock}" log verify "{data}/bench-0"')
        verifies.append({"verify": verify, "cat": cat, "ratio": cat / verify})
    lookup = numbers([program, "lookup", data, "200000"])
    numbers([program, "partitions", fresh(data), str(partitions)])
    opening = numbers([program, "open", data])
    shutil.rmtree(data)
    shutil.rmtree(f"{data}-warm", ignore_errors=True)
    return {"append": appends, "verify": verifies, "scan_gb_s": scans, "recovery_gb_s": recoveries,
             "lookup": lookup, "opening": opening}


def show(found):
    def median(rows, name):
        return statistics.median(row[name] for row in rows)

    print("\nthe log alone (medians; ratios within a round)")
    print(f"  append of 64 KiB batches  {median(found['append'], 'ratio'):>7.0%} of dd's speed "
          f"({median(found['append'], 'mib_s'):.0f} MiB/s; bar 80 %)")
    print(f"  log verify                {median(found['verify'], 'ratio'):>7.0%} of `cat | wc -c` (bar 70 %)")
    print(f"  recovery scan             {statistics.median(found['scan_gb_s']):>7.2f} GB/s, one partition (bar 1)")
    print(f"    written again, synced   {statistics.median(found['recovery_gb_s']):>7.2f} GB/s")
    print(f"  clean open                {found['opening']['seconds']:>7.2f} s for "
          f"{found['opening']['partitions']:,.0f} partitions, {found['opening']['read']:,.0f} bytes read (bar 1 s)")
    print(f"  random lookup, warm       {found['lookup']['microseconds']:>7.2f} µs (bar 5)")
    print(f"  memory                    {found['opening']['each']:>7.0f} bytes an idle partition (bar 4,096)")
