#!/usr/bin/env python3
"""Runs the parts of one ringfence run on a Ray cluster and joins them.

    ray_shards.py --shards 8 --out whole.tsv -- ringfence certify model.rfm --data cifar10:/data/cifar10

Every node needs the program, the model and the data under the same paths. Parts come back through Ray, so no folder is shared.
A part whose worker is lost, or that fails, is run again.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import ray


def part(command: list[str], index: int, count: int) -> tuple[bytes, bytes]:
    """The rows and the settings of one part."""
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder, "part.rows")
        shard = ["--shard", f"{index}/{count}", "--out", str(rows)]
        done = subprocess.run(command + shard, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"part {index}/{count}: {done.stderr.strip()}")
        return rows.read_bytes(), Path(f"{rows}.run.json").read_bytes()


def run(command: list[str], shards: int, out: Path, cpus: float, retries: int) -> None:
    """Runs all parts and writes the file of one process to `out`."""
    task = ray.remote(num_cpus=cpus, max_retries=retries, retry_exceptions=True)(part)
    waiting = {task.remote(command, index, shards): index for index in range(1, shards + 1)}
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        while waiting:
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            index = waiting.pop(done)
            rows, settings = ray.get(done)
            path = Path(folder, f"part-{index}.rows")
            path.write_bytes(rows)
            Path(f"{path}.run.json").write_bytes(settings)
            paths.append(path)
            print(f"part {index}/{shards} is done, {len(waiting)} left", file=sys.stderr)
        subprocess.run([command[0], "merge", *map(str, paths), "--out", str(out)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, required=True, help="parts; several for each node even out their speeds")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--cpus", type=float, default=1, help="cores of a part; give ringfence as many --threads")
    parser.add_argument("--retries", type=int, default=3, help="times that a lost or failed part is run again")
    parser.add_argument("--address", help="of the cluster; a local one if not given")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="-- ringfence certify|profile ..")
    args = parser.parse_args()
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        parser.error("expected a command after --")
    ray.init(address=args.address)
    run(command, args.shards, args.out, args.cpus, args.retries)


if __name__ == "__main__":
    main()
