"""The answer that the report begins with, for cells whose answer is known."""

import pytest
from test_config import study
from test_sample import leave_prepared, spectra

from ftag_prune import figures
from ftag_prune.flavours import TASKS, task_of
from ftag_prune.record import write_json
from ftag_prune.sample import draw, read_sample
from ftag_prune.story import answer, tell
from ftag_prune.summary import Cell, write_cells

TASK = TASKS["single_b"]


def cells(ratios, *, network="w16", error=0.02, spread=0.0):
    """Dense cells and pruned ones, ratios given by the nodes that are left."""
    points = {32: 1.0, **ratios}.items()
    return [
        cell(left, ratio, background, network=network, error=error, spread=spread)
        for left, ratio in points
        for background in TASK.backgrounds
    ]


def cell(left, ratio, background, *, network, error, spread):
    dense = left == 32
    return Cell(
        task="single_b",
        network=network,
        strategy="dense" if dense else "budget",
        signal="b",
        background=background,
        working_point=0.7,
        unit="nodes",
        whole=32,
        asked=float("nan") if dense else left,
        left=left,
        pruned=1 - left / 32,
        reached=float("nan") if dense else left,
        parameters=10 * left,
        multiplications=9 * left,
        regrown=0,
        epochs=7,
        seconds=1.5,
        seeds=2,
        efficiency=0.7,
        rejection=10 * ratio,
        statistical=0.5,
        spread=0.1,
        ratio=0.1 if background == "tau" and not dense else ratio,
        ratio_low=ratio - error,
        ratio_high=ratio + error,
        ratio_error=0.0 if dense else error,
        ratio_spread=0.0 if dense else spread,
    )


def test_the_smallest_safe_network_is_named_with_its_ratios():
    (said,) = answer(cells({16: 1.01, 8: 0.97, 4: 0.90}), TASK)
    assert "8 of 32 nodes (75 % pruned, 80 parameters)" in said
    assert "within 10 % of the dense tagger at 95 % confidence" in said
    assert "0.97 ± 0.02" in said
    assert "tau" not in said, "too few jets to decide"


def test_a_network_is_safe_only_beyond_its_error():
    """0.97 - 1.645 * 0.05 lies below 0.9; both errors count."""
    (said,) = answer(cells({16: 1.01, 8: 0.97}, error=0.05), TASK)
    assert "16 of 32 nodes" in said
    (said,) = answer(cells({16: 1.01, 8: 0.97}, error=0.02, spread=0.05), TASK)
    assert "16 of 32 nodes" in said


def test_without_a_safe_network_that_is_said():
    (said,) = answer(cells({16: 0.8, 8: 0.7}), TASK)
    assert said.startswith("Single-b, 16 nodes a layer: no pruned fraction of this study")


def test_every_network_has_its_own_answer():
    said = answer(cells({16: 0.8}) + cells({8: 1.0}, network="w64"), TASK)
    assert len(said) == 2
    assert "no pruned fraction" in said[0]
    assert "Single-b, 64 nodes a layer: 8 of 32 nodes" in said[1]


@pytest.mark.parametrize("ratios", [{}, {16: float("nan")}])
def test_missing_ratios_decide_nothing(ratios):
    (said,) = answer(cells(ratios), TASK)
    assert "no pruned fraction" in said


def leave_study(folder, **prepared):
    """Results of a study, with figures that are no more than the beginning of a PNG."""
    wanted = study()
    for name in figures.names(wanted, task_of("single_b")):
        place = folder / "figures/single_b"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        (place / f"{name}.csv").write_text("a\n1\n")
    for run in wanted.runs():
        told = {
            "unit": "nodes",
            "asked": run.keep,
            "left": run.keep,
            "compaction_difference": 1e-7,
        }
        write_json(folder / "runs" / run.name / "run.json", told)
    write_cells(folder / "tables/single_b.csv", cells({16: 1.0}))
    jets = leave_prepared(folder / "jets/single_b/train.h5", **prepared)
    draw(read_sample(jets), folder / "samples/single_b")
    return wanted


def test_the_sample_is_told_with_figures_cut_flow_and_skipped_files(tmp_path):
    page = tell(leave_study(tmp_path), tmp_path)
    assert "<h2>Samples: Single-b</h2>" in page
    assert "a fine sample. Files read: 2; skipped: 1, listed below." in page
    assert 'download="spectra-pt.csv"' in page
    assert 'download="spectra-eta.csv"' in page
    assert "rejected by eta" in page
    assert "Cuts: pt: pt &gt; 20; eta: abs(eta) &lt; 2.5." in page
    assert "no tree &#39;jets&#39;" in page


def test_jets_that_are_resampled_are_counted_before(tmp_path):
    page = tell(leave_study(tmp_path, spectra=spectra("resample")), tmp_path)
    assert "Training jets are counted before resampling." in page


def test_without_skipped_files_there_is_no_table_of_them(tmp_path):
    page = tell(leave_study(tmp_path, skipped={}), tmp_path)
    assert "a fine sample. Files read: 2; skipped: 0.</p>" in page
    assert "files that were skipped" not in page
    assert "resampling" not in page
