"""The peers as the schedule sees them: Python workers that stay alive, and the Rust program."""

from __future__ import annotations

import json
import os
import select
import subprocess

from .places import Missing, Places, cores

PYTHON_PEERS = {
    "openvino": "openvino",
    "onnxruntime": "onnxruntime",
    "litert": "ai_edge_litert",
    "torch": "torch",
}
RUST_PEERS = ["tract", "rten"]
PREPARED = {
    "openvino": "openvino.xml",
    "onnxruntime": "u8s8.onnx",
    "litert": "litert.tflite",
    "torch": "peer.onnx",
    "tract": "peer.onnx",
    "rten": "peer.onnx",
}
PATIENCE_S = 300


def absent(places: Places, name: str) -> str | None:
    """Why a peer cannot be measured, or nothing."""
    if name in PYTHON_PEERS and not places.has_module(PYTHON_PEERS[name]):
        return "not installed"
    if name in RUST_PEERS and not places.rust_peers.exists():
        return "not built"
    if not (places.prepared / PREPARED[name]).exists():
        return "this network could not be brought into its form"
    return None


class Worker:
    """A Python peer in its own process."""

    def __init__(self, places: Places, name: str, level: str, threads: int) -> None:
        self.name = name
        allowed = cores(threads)
        self.process = subprocess.Popen(
            [str(places.python), "-m", "peers.worker", name, str(places.prepared), str(threads)],
            env=places.masked(level, threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, allowed),
        )
        self.noise = self.answer()["noise"]

    def answer(self) -> dict:
        """One line of the worker, with a limit on waiting."""
        out = self.process.stdout
        if out is None or not select.select([out], [], [], PATIENCE_S)[0]:
            raise Missing(f"{self.name} did not answer for {PATIENCE_S} s")
        line = out.readline()
        if not line:
            raise Missing(f"{self.name} ended with status {self.process.wait()}")
        return json.loads(line)

    def ask(self, question: dict) -> dict:
        """One question, one answer."""
        if self.process.stdin is None:
            raise Missing(f"{self.name} cannot be asked")
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def votes(self, batch: int, seconds: float) -> dict:
        """Microseconds a noisy sample, noise included."""
        return self.ask({"ask": "votes", "batch": batch, "seconds": seconds})

    def certificate(self, batch: int, n: int) -> dict:
        """Seconds of a whole certificate."""
        return self.ask({"ask": "certificate", "batch": batch, "n": n})

    def close(self) -> None:
        """Ends the process by ending its input."""
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class RustPeer:
    """tract or rten: one run of the program for each question, the start of which is not counted."""

    def __init__(self, places: Places, name: str, level: str, threads: int) -> None:
        self.name, self.places = name, places
        self.env = places.masked(level, threads)
        self.cores = cores(threads)
        facts = json.loads((places.prepared / "prepared.json").read_text())
        self.shape = ",".join(str(size) for size in facts["shape"])
        self.sigma = str(facts["sigma"])

    def command(self, batch: int, seconds: float, samples: int) -> list[str]:
        """The command line of one question."""
        numbers = [str(batch), str(seconds), str(samples), self.sigma]
        model = str(self.places.prepared / "peer.onnx")
        return [str(self.places.rust_peers), self.name, model, self.shape, *numbers]

    def ask(self, batch: int, seconds: float, samples: int) -> dict:
        """Runs the program once."""
        done = subprocess.run(
            self.command(batch, seconds, samples),
            env=self.env,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            preexec_fn=lambda: os.sched_setaffinity(0, self.cores),
        )
        if done.returncode:
            return {"error": done.stderr.strip()[:200]}
        return json.loads(done.stdout)

    def votes(self, batch: int, seconds: float) -> dict:
        """Microseconds a noisy sample, noise included."""
        return self.ask(batch, seconds, 0)

    def certificate(self, batch: int, n: int) -> dict:
        """Seconds for n0 + n noisy samples; the bound itself is left out."""
        answer = self.ask(batch, 0.0, n + 100)
        return answer if "error" in answer else {"certificate_s": answer["seconds"]}

    def close(self) -> None:
        """Nothing stays alive between questions."""
