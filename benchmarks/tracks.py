"""Training step of `transformer` and `deepsets` a jet, against salt's on the same network.

    python benchmarks/tracks.py [--salt PYTHON] [--batch 256] [--slots 40] [--seconds 40]

`--salt` names a Python where salt-ml is installed; without it, our own times alone are shown. Both
sides take the same random jets, in float32 and on one thread, and do what their training does with
a batch that is in memory: normalise the inputs, forward and backward pass, a step of AdamW. They
take turns step by step in one run, each in a process of its own. Times are those of the processor,
so that waiting for others does not count; the ratio is the median over neighbouring steps, salt's
time divided by ours, with the quartiles. `filled` is the mean share of the slots with a track: 1 if
all jets have as many as there is room for, else they have between none and twice that share.

transformer: GN2-like, 19 track inputs and 2 of the jet, embedded by 256 neurons to 256, 4 layers of
8 heads and 512 neurons, attention pooling, 128, 64, 32 neurons. salt adds one register, which it
does not do without; it is measured with each of its two backends for a processor. deepsets: DIPS,
100, 100, 128 neurons for a track, their sum, 100, 100, 100, 30 for the jet; salt has no sum, so
that it gets one here in place of its attention pooling.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

CLASSES = ["b", "c", "u", "tau"]
JET = [f"jet_{index}" for index in range(2)]
TRACK = [f"track_{index}" for index in range(19)]
EMBEDDING, LAYERS, HEADS, FF, GN2_JET = 256, 4, 8, 512, [128, 64, 32]
DIPS_TRACK, DIPS_JET = [100, 100, 128], [100, 100, 100, 30]
RATE, DECAY = 1e-3, 1e-5

# What salt's attention may run on: its default, and the one that is quicker on some processors.
BACKENDS = {"transformer": ["torch-math", "torch-flash"], "deepsets": [""]}


class Batch(NamedTuple):
    """Jets (n, inputs), tracks (n, slots, inputs), which are there (n, slots), classes (n,)."""

    x: torch.Tensor
    tracks: torch.Tensor
    valid: torch.Tensor
    y: torch.Tensor


def batch(jets: int, slots: int, filled: float) -> Batch:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, round(2 * filled * slots) + 1, jets).clip(max=slots)
    if filled == 1:
        counts[:] = slots
    valid = np.arange(slots) < counts[:, None]
    tracks = rng.standard_normal((jets, slots, len(TRACK)), np.float32) * valid[..., None]
    return Batch(
        torch.from_numpy(rng.standard_normal((jets, len(JET)), np.float32)),
        torch.from_numpy(tracks),
        torch.from_numpy(valid),
        torch.from_numpy(rng.integers(0, len(CLASSES), jets)),
    )


# -- ours ----------------------------------------------------------------------------------------


def ours(kind: str, taken: Batch) -> tuple[Callable[[], None], int]:
    """A step, and the number of parameters."""
    from torch.nn.functional import cross_entropy

    from ftag_prune.architecture import DeepSets, Transformer
    from ftag_prune.networks import build

    architecture = {
        "transformer": Transformer(
            tracks=TRACK,
            track=(EMBEDDING,),
            embedding=EMBEDDING,
            layers=LAYERS,
            heads=HEADS,
            ff=FF,
            jet=GN2_JET,
        ),
        "deepsets": DeepSets(tracks=TRACK, track=DIPS_TRACK, jet=DIPS_JET, jet_inputs=False),
    }[kind]
    network = build(
        architecture,
        mean=[0.0] * len(JET),
        std=[1.0] * len(JET),
        classes=len(CLASSES),
        tracks=TRACK,
    ).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY, fused=True)

    def step() -> None:
        optimiser.zero_grad()
        cross_entropy(network(taken.x, taken.tracks, taken.valid), taken.y).backward()
        optimiser.step()

    return step, network.parameter_count()


# -- salt ----------------------------------------------------------------------------------------


def theirs(kind: str, backend: str, taken: Batch) -> tuple[Callable[[], None], int]:
    """The same in salt's Python."""
    from salt.models import InputNorm, SaltModel

    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as norms:
        spread = {"mean": 0.0, "std": 1.0}
        named = {"jets": JET, "tracks": TRACK}
        json.dump({key: dict.fromkeys(names, spread) for key, names in named.items()}, norms)
        norms.flush()
        norm = InputNorm(Path(norms.name), named, "jets", {key: key for key in named})
    build = {"transformer": salt_transformer, "deepsets": salt_deepsets}[kind]
    model: torch.nn.Module = SaltModel(**build(backend))
    for task in model.tasks:
        task.global_object, task.model_name = "jets", "salt"
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)

    def step() -> None:
        optimiser.zero_grad()
        inputs = norm({"jets": taken.x, "tracks": taken.tracks})
        labels = {"jets": {"label": taken.y}}
        _, losses = model(inputs, {"tracks": ~taken.valid}, labels)
        sum(losses.values()).backward()
        optimiser.step()

    return step, sum(one.numel() for one in model.parameters())


def salt_transformer(backend: str) -> dict[str, object]:
    from salt.models import GlobalAttentionPooling, Transformer

    return {
        "init_nets": [salt_track([EMBEDDING], EMBEDDING, attached=True)],
        "encoder": Transformer(
            num_layers=LAYERS,
            embed_dim=EMBEDDING,
            attn_type=backend,
            dense_kwargs={"activation": "ReLU", "hidden_dim": FF},
            attn_kwargs={"num_heads": HEADS},
        ),
        "pool_net": GlobalAttentionPooling(EMBEDDING),
        "tasks": salt_jet(EMBEDDING, GN2_JET),
    }


def salt_deepsets(_: str) -> dict[str, object]:
    from salt.models import Pooling
    from salt.utils.tensor_utils import flatten_tensor_dict

    class Sum(Pooling):
        def forward(self, x: dict, pad_mask: dict) -> torch.Tensor:
            absent = torch.cat(list(pad_mask.values()), dim=1).unsqueeze(-1)
            return flatten_tensor_dict(x).masked_fill(absent, 0).sum(1)

    *hidden, last = DIPS_TRACK
    return {
        "init_nets": [salt_track(hidden, last, attached=False, final_activation="ReLU")],
        "pool_net": Sum(),
        "tasks": salt_jet(last, DIPS_JET),
    }


def salt_track(hidden: list[int], last: int, *, attached: bool, **more: str) -> dict[str, object]:
    dense = {"hidden_layers": hidden, "output_size": last, "activation": "ReLU", **more}
    return {
        "input_name": "tracks",
        "variables": {"jets": JET, "tracks": TRACK},
        "global_object": "jets",
        "attach_global": attached,
        "dense_config": dense,
    }


def salt_jet(inputs: int, hidden: list[int]) -> torch.nn.ModuleList:
    from salt.models import ClassificationTask

    dense = {"input_size": inputs, "output_size": len(CLASSES), "hidden_layers": hidden}
    task = ClassificationTask(
        name="jets_classification",
        input_name="jets",
        label="label",
        class_names=CLASSES,
        loss=torch.nn.CrossEntropyLoss(),
        dense_config=dense,
    )
    return torch.nn.ModuleList([task])


# -- turns ---------------------------------------------------------------------------------------


def spent(step: Callable[[], None]) -> float:
    """Seconds of the processor."""
    started = time.process_time()
    step()
    return time.process_time() - started


class Rival(NamedTuple):
    """salt in its own process: asked for a step, it says how long that took."""

    name: str
    process: subprocess.Popen[str]
    parameters: int

    def __call__(self) -> float:
        """Seconds of one step."""
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


@contextmanager
def rival(asked: argparse.Namespace, kind: str, backend: str, filled: float) -> Iterator[Rival]:
    told = [kind, backend, asked.batch, asked.slots, filled]
    command = [asked.salt, "-W", "ignore", __file__, "--worker", json.dumps(told)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            first = process.stdout.readline()
            if not first:
                raise SystemExit(f"{asked.salt}: salt does not start, see above")
            yield Rival(f"salt {backend}".strip(), process, int(first))
        finally:
            process.stdin.close()


def worker(told: str) -> None:
    """Steps of salt, one for each line that comes in."""
    kind, backend, jets, slots, filled = json.loads(told)
    step, parameters = theirs(kind, backend, batch(jets, slots, filled))
    step()
    print(parameters, flush=True)
    for _ in sys.stdin:
        print(spent(step), flush=True)


def measured(asked: argparse.Namespace, kind: str, filled: float) -> None:
    """One table row for us and for each rival."""
    step, parameters = ours(kind, batch(asked.batch, asked.slots, filled))
    step()
    with ExitStack() as stack:
        backends = BACKENDS[kind] if asked.salt else []
        rivals = [stack.enter_context(rival(asked, kind, one, filled)) for one in backends]
        rounds: list[list[float]] = []
        end = time.perf_counter() + asked.seconds
        while time.perf_counter() < end or len(rounds) < 5:
            rounds.append([spent(step), *(one() for one in rivals)])
    times = 1e3 * np.array(rounds) / asked.batch
    start = f"{kind:12} {filled:6.2f}"
    print(f"{start} {'ours':18} {parameters:10,} {times[:, 0].min():9.3f}")
    for index, one in enumerate(rivals, start=1):
        low, middle, high = np.quantile(times[:, index] / times[:, 0], [0.25, 0.5, 0.75])
        print(
            f"{start} {one.name:18} {one.parameters:10,} {times[:, index].min():9.3f} "
            f"{middle:7.2f} ({low:.2f} to {high:.2f})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--salt", help="Python with salt-ml")
    parser.add_argument("--kinds", nargs="+", default=list(BACKENDS), choices=list(BACKENDS))
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--slots", type=int, default=40)
    parser.add_argument("--filled", type=float, nargs="+", default=[1.0, 0.25])
    parser.add_argument("--seconds", type=float, default=40.0, help="for each row of the table")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if asked.worker:
        worker(asked.worker)
        return
    from ftag_prune.tensors import one_thread

    print(f"batches of {asked.batch} jets with {asked.slots} slots, one thread")
    print("network      filled who                parameters  ms a jet  salt / ours (quartiles)")
    with one_thread(flush=True):
        for kind in asked.kinds:
            for filled in asked.filled:
                measured(asked, kind, filled)


if __name__ == "__main__":
    main()
