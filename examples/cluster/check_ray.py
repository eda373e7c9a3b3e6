#!/usr/bin/env python3
"""Two workers, one of them killed in the middle: the joined file must be that of one process, byte for byte.

    check_ray.py PATH_OF_RINGFENCE
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import ray
import ray_shards


def kill_one(killed: list[int], stop: threading.Event) -> None:
    """Kills the first worker that is seen at a part, once its program runs."""
    while not stop.is_set():
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                name = (folder / "cmdline").read_bytes()
                children = (folder / "task" / folder.name / "children").read_text().split()
            except OSError:
                continue
            if name.startswith(b"ray::part") and children:
                time.sleep(0.05)
                os.kill(int(folder.name), signal.SIGKILL)
                killed.append(int(folder.name))
                return
        time.sleep(0.01)


def main() -> None:
    ringfence = str(Path(sys.argv[1]).resolve())
    command = [ringfence, "certify", "--max", "20", "--n", "2000", "--threads", "1", "--seed", "5eed", "--untimed"]
    ray.init(num_cpus=2, include_dashboard=False)
    with tempfile.TemporaryDirectory() as folder:
        whole, joined = Path(folder, "whole.tsv"), Path(folder, "joined.tsv")
        subprocess.run([*command, "--out", str(whole)], check=True, stdout=subprocess.DEVNULL)
        killed, stop = [], threading.Event()
        killer = threading.Thread(target=kill_one, args=(killed, stop))
        killer.start()
        ray_shards.run(command, shards=5, out=joined, cpus=1, retries=3)
        stop.set()
        killer.join()
        assert killed, "no worker was killed: no test"
        assert joined.read_bytes() == whole.read_bytes(), "the files differ"
        rows = len(whole.read_text().splitlines()) - 1
        print(f"worker {killed[0]} was killed; {rows} rows in 5 parts are those of one process, byte for byte")


if __name__ == "__main__":
    main()
