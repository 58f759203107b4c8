"""Scores of other taggers in a file, as probabilities of the task's classes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ftag_prune.flavours import TASKS
from ftag_prune.inspection.column import Column
from ftag_prune.inspection.guess.jets import Jets
from ftag_prune.inspection.guess.names import branch

__all__ = ["references"]

_SCORE = re.compile(r"(?:.*[._])?(?P<model>\w+?)_p(?P<flavour>b|c|u|tau|hbb|hcc|top|qcd)")
_BTAG = re.compile(r"(?P<start>.*btag(?P<model>DeepFlav|PNet|RobustParTAK4|UParTAK4))B")
_XBB = re.compile(r"(?P<start>.*(?P<model>particleNet\w*|globalParT\w*))_Xbb")


def references(jets: Jets, task: str) -> dict[str, dict[str, str]]:
    """By tagger and class, the formula of its score; classes that it does not know are left out."""
    several = {**_of_btagging(jets), **jets.own} if jets.events else dict(jets.aligned)
    found: dict[str, dict[str, str]] = {}
    for name in several:
        score = _SCORE.fullmatch(name)
        if score and score["flavour"] in TASKS[task].classes:
            found.setdefault(score["model"], {})[score["flavour"]] = branch(several[name].name)
    made = {name: by for name, by in found.items() if _complete(by, task)}
    return {**made, **(_of_cms(several, task))}


def _complete(by: Mapping[str, str], task: str) -> bool:
    return TASKS[task].signal in by and len(by) > 1


def _of_btagging(jets: Jets) -> dict[str, Column]:
    """PHYSLITE: objects of another collection that belong to the jets one by one."""
    return {name: one for name, one in jets.aligned.items() if re.search("btagging", name, re.I)}


def _of_cms(own: Mapping[str, Column], task: str) -> dict[str, dict[str, str]]:
    """CMS: scores of b and ratios of c to b and to light jets; they sum to one."""
    found: dict[str, dict[str, str]] = {}
    for name, one in own.items():
        btag, fat = _BTAG.fullmatch(name), _XBB.fullmatch(name)
        if task == "single_b" and btag and f"{btag['start']}CvL" in own:
            b, cvl = branch(one.name), branch(own[f"{btag['start']}CvL"].name)
            # B = b / (b + c + u) and CvL = c / (c + u).
            found[btag["model"]] = {
                "b": b,
                "c": f"{cvl} * (1 - {b})",
                "u": f"(1 - {cvl}) * (1 - {b})",
            }
        if task == "hbb_cc" and fat:
            ends = {"hbb": "Xbb", "hcc": "Xcc", "qcd": "QCD"}
            there = {name: f"{fat['start']}_{end}" for name, end in ends.items()}
            by = {name: branch(own[o].name) for name, o in there.items() if o in own}
            if _complete(by, task):
                found[fat["model"]] = by
    return found
