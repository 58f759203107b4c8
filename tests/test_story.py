"""The answer that the report begins with, for cells whose answer is known."""

import html
import re

from test_config import study
from test_sample import leave_prepared, spectra

from ftag_prune import figures
from ftag_prune.flavours import TASKS, task_of
from ftag_prune.record import write_json
from ftag_prune.sample import draw, read_sample
from ftag_prune.status import Present
from ftag_prune.story import tell
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


def leave_validation(folder):
    """What a validation leaves: an answer, and two parts of the page."""
    parts = [
        {"title": title, "text": [], "figures": [], "tables": [], "files": []}
        for title in ("How small can it be?", "Size and time")
    ]
    content = dict.fromkeys(("task", "title", "numbers", "provenance"), "")
    write_json(
        folder / "validation.json",
        {
            **content,
            "answers": ["Single-b: 16 nodes do.", "w64: 8 do."],
            "notes": ["None."],
            "parts": parts,
        },
    )


def leave_study(folder, *, changes=None, **prepared):
    """Results of a study, with figures that are no more than the beginning of a PNG."""
    wanted = study(**(changes or {}))
    leave_validation(folder / "validation/single_b")
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


def test_the_answer_comes_first_and_its_parts_around_what_was_studied(tmp_path):
    page = tell(leave_study(tmp_path), tmp_path)
    summary, parts = page.split("How small can it be?</h2>")
    assert "16 nodes do." in summary
    assert "8 do." in parts
    titles = re.findall(r"<h2><small>Single-b</small> (.*?)</h2>", page)
    assert titles == [
        "How small can it be?",
        "Rejection against pruned nodes",
        "Curves and trainings of one network",
        "Size and time",
        "Where the jets went",
    ]


def text_of(page):
    return html.unescape(re.sub("</?strong>", "", page))


def test_a_page_of_some_runs_says_what_is_missing(tmp_path):
    wanted = leave_study(tmp_path)
    (tmp_path / "figures/single_b/roc-c.png").unlink()
    runs = wanted.runs()
    lost = tmp_path / "runs" / runs[-1].name / "run.json"
    lost.unlink()
    page = text_of(tell(wanted, tmp_path, runs={"single_b": Present(runs[:-1], runs[-1:])}))
    assert "<h1>How small can the tagger be? Study “test”, not finished</h1>" in page
    assert "Not drawn, for runs are missing: roc-c." in page
    assert "over up to 2 trainings" in page
    assert "What is missing</h2>" in page
    assert "<td>w16</td>" in page
    assert "7 of 7 pruned networks" in page


def test_a_task_without_any_run_is_told_in_the_summary(tmp_path):
    both = {"grid__tasks": ["single_b", "hbb_cc"], "more": []}
    wanted = leave_study(tmp_path)
    runs = study(**both).runs_of("hbb_cc")
    there = {"single_b": Present(wanted.runs()), "hbb_cc": Present((), runs)}
    page = text_of(tell(wanted, tmp_path, runs=there))
    assert "Hbb/cc: None of the 12 runs is there yet." in page
    assert "<small>Hbb/cc</small>" not in page


def test_what_is_missing_of_a_study_of_trainings_is_told_too(tmp_path):
    wanted = leave_study(tmp_path, changes={"validation": None})
    runs = wanted.runs()
    page = text_of(tell(wanted, tmp_path, runs={"single_b": Present(runs[1:], runs[:1])}))
    assert "Single-b: 1 of 12 runs are missing: single_b-w8-dense-s1; what" in page


def test_a_finished_page_says_nothing_of_missing_runs(tmp_path):
    page = tell(leave_study(tmp_path), tmp_path)
    assert "missing" not in page.split("<main>")[1]
    assert "not finished" not in page


def test_a_study_of_trainings_has_no_answer(tmp_path):
    page = tell(leave_study(tmp_path, changes={"validation": None}), tmp_path)
    assert "This study asks how trainings go" in page
    assert "How small can it be?" not in page


def test_the_sample_is_told_with_figures_cut_flow_and_skipped_files(tmp_path):
    page = tell(leave_study(tmp_path), tmp_path)
    assert "<h2><small>Single-b</small> Where the jets went</h2>" in page
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
