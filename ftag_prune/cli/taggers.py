"""Verbs about one tagger: train, explain, evaluate and hand it over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ftag_prune.cli.app import app
from ftag_prune.cli.given import Existing, chunk_of, study_of
from ftag_prune.cli.progress import say

__all__ = ["evaluate", "explain", "export", "firmware", "runs", "train"]


@app.command()
def runs(study: Existing) -> None:
    """List the runs of STUDY (yaml): name, nodes, nodes to keep."""
    found = study_of(study).runs()
    width = max(len(run.name) for run in found)
    for run in found:
        asked = f"{100 * (1 - run.target):.3g} % of the {run.how.goal.unit}"
        kept = asked if run.keep is None else f"{run.keep:>6} of {run.nodes}"
        typer.echo(f"{run.name:<{width}}  {f'{run.nodes:>6}' if run.dense else kept}")


@app.command()
def train(
    chunk: Existing,
    jets: Existing,
    out: Existing,
    manifest: Existing,
    *,
    checkpoint: Annotated[
        float | None, typer.Option(help="Seconds between two checkpoints; default as CHUNK says.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda or mps; default as CHUNK says.")
    ] = None,
) -> None:
    """Train and prune the runs of CHUNK (json) on the folder JETS, each into OUT/run.

    Runs whose verified results are there are skipped, an interrupted one goes on at its last
    checkpoint, and one that another process trains comes last; MANIFEST (json) is written when all
    are done. SIGTERM and SIGUSR1 write a checkpoint; then the exit code is 75.
    """
    from ftag_prune.record import write_json
    from ftag_prune.train import stoppable, train_runs

    job = chunk_of(chunk)
    seconds = job.checkpoint_seconds if checkpoint is None else checkpoint
    with stoppable() as stop:
        done = train_runs(
            job.runs,
            jets,
            out,
            checkpoint_seconds=seconds,
            device=device,
            stop=stop,
            progress=say,
        )
    write_json(manifest, {one.run: one.model_checksum for one in done})


@app.command()
def explain(run: Existing) -> None:
    """Say what happened to the gates of the finished training in the folder RUN, and why."""
    from ftag_prune.diagnose import explain as tell
    from ftag_prune.record import read_csv, read_json

    spec, told = read_json(run / "spec.json"), read_json(run / "run.json")
    for sentence in tell(spec, read_csv(run / "history.csv"), told):
        typer.echo(sentence)


@app.command()
def evaluate(chunk: Existing, test: Existing, out: Existing, manifest: Existing) -> None:
    """Score the jets of TEST (h5) with the runs of CHUNK (json) in the folder OUT."""
    from ftag_prune.evaluate import evaluate_runs
    from ftag_prune.record import write_json

    write_json(manifest, evaluate_runs(chunk_of(chunk).runs, test, out))


@app.command()
def export(
    run: Existing,
    out: Existing,
    *,
    jets: Annotated[
        Path | None, typer.Option(help="Prepared file: more to check, and units of the inputs.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of the model, in its outputs; the run's if not given.")
    ] = None,
) -> None:
    """Write the model in the folder RUN to OUT (onnx), and what it is beside it (json).

    ONNX Runtime has to agree with torch on random jets, and on those of the option, before.
    """
    from ftag_prune.export import export_run
    from ftag_prune.provenance import recorded

    inputs = [run / "model.pt", run / "run.json", *([] if jets is None else [jets])]
    with recorded(out, inputs):
        done = export_run(run, out, name=name, jets=jets)
    say(f"{done.onnx}: {done.size / 1000:.0f} kB, described in {done.json}")
    say(
        f"ONNX Runtime and torch agree to {done.difference:.1e} on {done.random:,} random and "
        f"{done.real:,} real jets ({done.extreme:.1e} on extreme ones)"
    )


@app.command()
def firmware(
    run: Existing,
    out: Existing,
    *,
    jets: Annotated[
        Path | None, typer.Option(help="Prepared file for the comparison; else random jets.")
    ] = None,
    precision: Annotated[str, typer.Option(help="Fixed-point type.")] = "ap_fixed<16,6>",
    reuse: Annotated[int, typer.Option(min=1, help="How often a multiplier is used a jet.")] = 1,
    part: Annotated[str, typer.Option(help="FPGA.")] = "xcvu13p-flga2577-2-e",
) -> None:
    """Convert the model in the folder RUN to an hls4ml project OUT, and emulate it on jets."""
    from ftag_prune.firmware import to_firmware
    from ftag_prune.model import load_model
    from ftag_prune.provenance import recorded

    model = load_model(run / "model.pt")
    inputs = [run / "model.pt", run / "run.json", *([] if jets is None else [jets])]
    asked = {"precision": precision, "reuse": reuse, "part": part}
    with recorded(out, inputs, spec=asked):
        made = to_firmware(model, out, jets=jets, precision=precision, reuse=reuse, part=part)
    kind = "real" if made.real else "random"
    say(
        f"{made.folder}: on {made.jets:,} {kind} jets, {made.precision} and float32 differ by "
        f"{made.largest:.1e} in a probability ({made.usual:.1e} at 99.9 %); the most probable "
        f"class is the same for {100 * made.agreement:.2f} %; {100 * made.clipped:.2g} % of the "
        "inputs were clipped"
    )
