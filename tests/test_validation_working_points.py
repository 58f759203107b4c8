"""One table of working points in four files that all say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from validation_jets import made_up

from ftag_prune.errors import FtagPruneError
from ftag_prune.flavours import Discriminant
from ftag_prune.metrics import rejection
from ftag_prune.validation import Tabulated, read_tabulated, write_tabulated
from ftag_prune.validation.working_points import formula, latex, tabulated

VERSIONS = {"ftag_prune": "1.2.3"}


def scores(jets: Any, *, seed: int = 0) -> np.ndarray:
    """A discriminant on which b-jets lie one higher."""
    return np.random.default_rng(seed).normal(size=len(jets.label)) + (jets.label == 0)


@pytest.fixture
def table() -> Tabulated:
    jets = made_up(4000)
    chosen = jets.task.discriminant("b")
    return tabulated(
        scores(jets), jets, tagger="a_b, 50 % & more", run="r_1", chosen=chosen, versions=VERSIONS
    )


def test_every_row_is_the_working_point(table: Tabulated) -> None:
    jets = made_up(4000)
    value = scores(jets)
    assert [one.asked for one in table.points] == [0.60, 0.65, 0.70, 0.77, 0.85, 0.90]
    for point in table.points:
        signal = value[jets.label == 0]
        assert point.efficiency == (signal >= point.cut).mean()
        for name, found in point.rejections.items():
            background = value[jets.label == jets.task.classes.index(name)]
            expected = rejection(signal, background, efficiency=point.asked)
            assert (found.value, found.error) == (expected.value, expected.error)
            assert found.passing == (background >= point.cut).sum()
            assert found.limit is None


def test_it_says_what_one_needs_to_use_it(table: Tabulated) -> None:
    assert table.discriminant == "ln[ p(b) / (0.79 p(u) + 0.2 p(c) + 0.01 p(tau)) ]"
    assert table.fractions == {"u": 0.79, "c": 0.2, "tau": 0.01}
    assert (table.run, table.sample, table.prepared) == ("r_1", "a sample", "f" * 64)
    assert table.versions == VERSIONS
    assert sum(table.jets.values()) == 4000


@pytest.mark.parametrize("kind", ["json", "yaml", "csv"])
def test_what_is_read_is_what_was_written(table: Tabulated, tmp_path: Path, kind: str) -> None:
    written = write_tabulated(table, tmp_path / "wp.v1-b")
    assert read_tabulated(getattr(written, kind)) == table


def test_where_no_jet_passes_there_is_a_limit(tmp_path: Path) -> None:
    jets = made_up(4000)
    value = scores(jets) - 100 * (jets.label == 1)
    table = tabulated(
        value, jets, tagger="t", run="r", chosen=jets.task.discriminant("b"), versions={}
    )
    found = table.points[0].rejections["c"]
    assert (found.value, found.error, found.passing) == (None, None, 0)
    number = (jets.label == 1).sum()
    assert found.limit == pytest.approx(1 / (1 - 0.05 ** (1 / number)))
    written = write_tabulated(table, tmp_path / "wp")
    for path in (written.json, written.yaml, written.csv):
        assert read_tabulated(path) == table
    assert f"$> {found.limit:.0f}$" in written.tex.read_text()


class TestLatex:
    def rows(self, text: str) -> list[list[str]]:
        inside = [line for line in text.splitlines() if line.endswith(r"\\")]
        return [line.removesuffix(r"\\").split(" & ") for line in inside]

    def test_numbers_are_those_of_the_table(self, table: Tabulated) -> None:
        head, *rows = self.rows(latex(table))
        assert [one.strip() for one in head[3:]] == ["c rejection", "u rejection", "tau rejection"]
        assert len(rows) == len(table.points)
        for row, point in zip(rows, table.points, strict=True):
            asked, efficiency, cut, *values = (
                [float(x) for x in re.findall(r"-?\d+\.?\d*", cell)] for cell in row
            )
            assert asked == [pytest.approx(100 * point.asked)]
            assert efficiency[0] == pytest.approx(100 * point.efficiency, abs=0.005)
            assert cut == [pytest.approx(point.cut, abs=5e-5)]
            for found, expected in zip(values, point.rejections.values(), strict=True):
                assert found == pytest.approx([expected.value, expected.error], abs=0.5)

    def test_every_row_has_the_columns_that_are_told(self, table: Tabulated) -> None:
        text = latex(table)
        columns = re.search(r"\\begin\{tabular\}\{(r+)\}", text)
        assert columns is not None
        assert {len(row) for row in self.rows(text)} == {len(columns[1])}

    def test_nothing_but_comments_and_plain_tabular(self, table: Tabulated) -> None:
        """What TeX would take for a command, a comment or a column stands behind a backslash."""
        body = [line for line in latex(table).splitlines() if not line.startswith("%")]
        commands = set(re.findall(r"\\([a-z]+)", "\n".join(body)))
        assert commands == {"begin", "end", "hline", "pm"}
        assert not any(re.search(r"(?<!\\)[%_#]", line) for line in body)

    def test_a_line_break_in_a_name_stays_in_its_comment(self, table: Tabulated) -> None:
        broken = table.model_copy(update={"sample": "two\nlines"})
        assert "% sample: two lines" in latex(broken)

    def test_names_are_escaped(self) -> None:
        """No class is called so, but a head is text like any other."""
        from ftag_prune.validation.working_points import _LATEX

        assert r"a_b & 5 % {x} ^~\ #$".translate(_LATEX) == (
            r"a\_b \& 5 \% \{x\} \textasciicircum{}\textasciitilde{}\textbackslash{} \#\$"
        )


def test_the_yaml_is_plain(table: Tabulated, tmp_path: Path) -> None:
    written = write_tabulated(table, tmp_path / "wp")
    content = yaml.safe_load(written.yaml.read_text())
    assert list(content)[:4] == ["tagger", "run", "task", "signal"]
    assert content["points"][0]["rejections"]["u"]["value"] > 1


def test_the_csv_has_a_line_for_each_number(table: Tabulated, tmp_path: Path) -> None:
    lines = write_tabulated(table, tmp_path / "wp").csv.read_text().splitlines()
    plain = [line for line in lines if not line.startswith("#")]
    assert plain[0] == (
        "asked,efficiency,efficiency_error,cut,background,value,error,limit,passing"
    )
    assert len(plain) == 1 + 6 * 3


def test_another_ending_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FtagPruneError, match=r"wp\.tex: wanted a table of working points"):
        read_tabulated(tmp_path / "wp.tex")


def test_something_else_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "wp.json").write_text("{}")
    with pytest.raises(FtagPruneError, match=r"wp\.json: key 'tagger' is missing"):
        read_tabulated(tmp_path / "wp.json")


def test_a_formula_is_told_as_it_is() -> None:
    assert formula(Discriminant("c", {"u": 1.0})) == "ln[ p(c) / (1 p(u)) ]"
