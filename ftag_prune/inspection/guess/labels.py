"""What says the class of a jet, in the words of its file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from ftag_prune.inspection.column import Column
from ftag_prune.inspection.guess.jets import Jets
from ftag_prune.inspection.guess.names import branch

__all__ = ["Labels", "labels_of"]


class Labels(NamedTuple):
    """What says the class of a jet.

    Attributes
    ----------
    task : whose classes they are
    conditions : by class, and a comment on each
    trust : larger is more certain
    comment : what a human should know
    """

    task: str
    conditions: Mapping[str, tuple[str, str]]
    trust: int
    comment: str = ""


_Recipe = Callable[[Jets], Iterator[Labels]]


def labels_of(jets: Jets) -> list[Labels]:
    """All labels that a collection has, the most certain first."""
    found = [one for recipe in _RECIPES for one in recipe(jets)]
    return sorted(found, key=lambda one: -one.trust)


class _Code(NamedTuple):
    """Numbers of the classes in a column that holds one of several."""

    task: str
    trust: int
    pattern: str
    numbers: Mapping[str, tuple[int, ...]]
    always: bool  # also classes that no jet of this file has


_B_C_U = {"b": (5,), "c": (4,), "u": (0,), "tau": (15,)}
_LARGE_R = {"hbb": (11,), "hcc": (12,), "top": (1, 6, 7), "qcd": (10,)}
_CODES = (
    _Code("single_b", 12, r"HadronConeExclTruthLabelID", _B_C_U, always=True),
    _Code(
        "single_b",
        10,
        r"hadronFlavour|flavour_label|flavou?r|flav|truth_label",
        _B_C_U,
        always=False,
    ),
    _Code("single_b", 6, r"ConeTruthLabelID", _B_C_U, always=False),
    _Code(
        "single_b",
        5,
        r"PartonTruthLabelID|partonFlavour",
        {"b": (5, -5), "c": (4, -4), "u": (1, 2, 3, 21, -1, -2, -3), "tau": (15,)},
        always=False,
    ),
    _Code("hbb_cc", 12, r"R10TruthLabel_R22v1", _LARGE_R, always=True),
    _Code("hbb_cc", 11, r"R10TruthLabel_\w+", _LARGE_R, always=True),
)


def _coded(jets: Jets) -> Iterator[Labels]:
    for code in _CODES:
        for name, one in _candidates(jets).items():
            if re.fullmatch(code.pattern, name) and one.values:
                yield _of_code(code, one)


def _candidates(jets: Jets) -> Mapping[str, Column]:
    """Labels of these jets: their own columns, or others where the file has one jet an entry."""
    return jets.own if jets.events else {**jets.aligned, **jets.own}


def _of_code(code: _Code, one: Column) -> Labels:
    seen = dict(one.values)
    taken = {number for several in code.numbers.values() for number in several}
    rest = ", ".join(f"{value} ({count})" for value, count in one.values if value not in taken)
    conditions = {}
    for name, numbers in code.numbers.items():
        count = sum(seen.get(number, 0) for number in numbers)
        # Signs that do not occur need not be written.
        those = [number for number in numbers if number > -1 or number in seen] or list(numbers)
        if count or code.always or name != "tau":
            text = f"in ({', '.join(map(str, those))})" if len(those) > 1 else f"== {those[0]}"
            conditions[name] = f"{branch(one.name)} {text}", f"{count} in this file"
    comment = f"{one.name} holds " + ", ".join(f"{v}: {c}" for v, c in one.values)
    return Labels(
        code.task,
        conditions,
        code.trust,
        comment + (f"; of no class: {rest}" if rest else ""),
    )


_FLAGS: Mapping[str, Mapping[str, tuple[tuple[str, ...], ...]]] = {
    # For each class, alternatives: flags that are all set.
    "hbb_cc": {
        "hbb": (("fj_isH", "fj_isBB"), ("label_H_bb",), ("label_Hbb",)),
        "hcc": (("label_H_cc",), ("label_Hcc",), ("fj_isH", "fj_isCC")),
        "top": (("fj_isTop",), ("label_Tbqq", "|label_Tbl"), ("label_Tbqq",), ("label_top",)),
        "qcd": (("fj_isQCD", "sample_isQCD"), ("fj_isQCD",), ("label_QCD",)),
    },
    "single_b": {
        "b": (("label_b",), ("isB",), ("label_B",)),
        "c": (("label_c",), ("isC",), ("label_C",)),
        "u": (("label_u",), ("label_light",), ("label_uds",), ("isUDS",), ("label_l",)),
        "tau": (("label_tau",),),
    },
}


def _flagged(jets: Jets) -> Iterator[Labels]:
    own = {**jets.aligned, **({} if jets.events else jets.own)}
    for task, classes in _FLAGS.items():
        conditions = {}
        for name, several in classes.items():
            for flags in several:
                if all(flag.lstrip("|") in own for flag in flags):
                    conditions[name] = _all_set(flags, own)
                    break
        if len(conditions) > 1 and next(iter(classes)) in conditions:
            yield Labels(task, conditions, 12, "flags, set for one class each")


def _all_set(flags: tuple[str, ...], own: Mapping[str, Column]) -> tuple[str, str]:
    text = ""
    for flag in flags:
        joined = " or " if flag.startswith("|") else " and "
        text += (joined if text else "") + f"{branch(own[flag.lstrip('|')].name)} == 1"
    counts = [
        f"{flag.lstrip('|')} is 1 in {dict(own[flag.lstrip('|')].values).get(1, 0)}"
        for flag in flags
    ]
    return text, ", ".join(counts) + " jets of this file"


_HADRONS = (
    ("nBHadrons", "nCHadrons"),
    ("GhostBHadronsFinalCount", "GhostCHadronsFinalCount"),
    ("n_bhadrons", "n_chadrons"),
)
_PARENT = (
    "hadrons inside the jet say nothing of its parent: where the files are of several processes, "
    "write them as a mapping of samples and ask for the sample too, such as "
    "'sample.higgs and ...'; top is missing"
)


def _hadrons(jets: Jets) -> Iterator[Labels]:
    for b, c in _HADRONS:
        if b in jets.own and c in jets.own:
            counts = branch(jets.own[b].name), branch(jets.own[c].name)
            yield Labels("hbb_cc", _two_of(*counts), 7 if jets.large else 1, _PARENT)


def _two_of(b: str, c: str) -> dict[str, tuple[str, str]]:
    return {
        "hbb": (f"{b} >= 2", "two b hadrons"),
        "hcc": (f"{b} == 0 and {c} >= 2", "two c hadrons and no b"),
        "qcd": (f"{b} == 0 and {c} == 0", "none"),
    }


def _subjets(jets: Jets) -> Iterator[Labels]:
    """NanoAOD without counts of the fat jets themselves: those of their subjets."""
    members = ("SubJet_nBHadrons", "SubJet_nCHadrons")
    if (
        "subJetIdx1" in jets.own
        and "nBHadrons" not in jets.own
        and all(m in jets.known for m in members)
    ):
        yield Labels("hbb_cc", _two_of("n_b_hadrons", "n_c_hadrons"), 6, _PARENT)


_RECIPES: tuple[_Recipe, ...] = (_coded, _flagged, _hadrons, _subjets)
