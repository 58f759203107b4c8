"""What branches are called in the layouts that are around, and how a formula names one."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping

__all__ = [
    "ETA",
    "EVENT",
    "FOUR_VECTORS",
    "IDENTIFIERS",
    "JETS",
    "LARGE",
    "LENGTHS",
    "MASS",
    "MASSES",
    "NO_JETS",
    "PHI",
    "PT",
    "SCORES",
    "TRUTH",
    "TRUTH_OF_TRACKS",
    "WEIGHT",
    "WEIGHTS",
    "branch",
    "column",
    "unusual",
]

# Members of a collection of jets, the best first.
PT = ("pt_btagJes", "pt", "Pt", "PT")
ETA = ("eta_btagJes", "eta", "Eta")
PHI = ("phi", "Phi")
MASS = ("sdmass", "msoftdrop", "softDropMass", "mass", "m", "M", "Mass")

JETS = re.compile(r"jet|fj", re.I)
LARGE = re.compile(r"fat|large|fj|ak8|ak10|ak15|ca15|akt10", re.I)
NO_JETS = re.compile(
    r"truth|gen|sub|tau|corr|scale|momentum|4vec|track|trk|cand|muon|elec|photon|activity|"
    r"dressed|hlt|l1|sv|part|svs|trig",
    re.I,
)

EVENT = re.compile(r"(?:^|[._])(event_?number|event_?no|eventid|evt_?(?:no|number)?|event)$", re.I)
WEIGHT = re.compile(r"(?:^|[._])(mc_?event_?weights?|gen_?weight|event_?weight|weight|w)$", re.I)

TRUTH = re.compile(
    r"truth|gen(?![a-z]*rator)|hadron|parton|flav|label|origin|^is(?!def)|_is(?!def)|^sample|"
    r"matched|prompt",
    re.I,
)
# `isDefaults` and `isElectron` are no truth: what is, of tracks, says so itself.
TRUTH_OF_TRACKS = re.compile(r"truth|^gen|origin|label|fromb|fromc|parent|vertexindex", re.I)
IDENTIFIERS = re.compile(
    r"Idx|persKey|persIndex|(Id|ID|Index|Key|Number|Hash|Link|Links)$|_id$|^id$|_idx$|^index|"
    r"^event|^run|^lumi|cleanmask|pdgId|pdg|_no$|Bits?$|NOSYS|Pass$|isDefaults|_index$|^n?valid$"
)
WEIGHTS = re.compile(r"weight|^w$|xsec|cross_?section", re.I)
SCORES = re.compile(
    r"_p(b|c|u|tau|hbb|hcc|top|qcd)$|btag(?!Sip|Eta|P[tP]|JetDist)|particleNet|ParT|PNet|deepTag|"
    r"GN[12]|DL1|rnnip|dips|MV2|MVA|XbbScore|Xbb\w*_|Reg(Corr|Res)|RegPt|rawFactor|massCorr|qgl|"
    r"puIdDisc|Proba|doubleb|doublec|Discriminant|score|softmax|(?<![a-z])disc",
)
FOUR_VECTORS = re.compile(
    r"(^|_)(phi|Phi|px|py|pz|e|E|energy|Energy)$|4vec|Momentum|DetectorEta|"
    r"^(pt|Pt|PT|eta|Eta|absEta|abs_eta)(_\w*Jes)?$|absEta|^(x|y|z)$|muonSubtr|^hf"
)
MASSES = re.compile(r"mass|msoftdrop|sdmass|^m$|^M$|(^|_)mSD|4q|vertexMass", re.I)

# Lengths in CMS files are cm, as Tracker and CMSSW have them.
LENGTHS = re.compile(
    r"(^|_)(d0|dz|dxy|d3d|d0Err|dzErr|dxyErr|dlen|d0val|dzval|z0|Sip[23]dVal|btagSip3dVal|JetDistVal|"
    r"btagJetDistVal|dxyerr|dzerr)$",
    re.I,
)

_PLAIN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def branch(name: str) -> str:
    """A branch as a formula names it: in backquotes unless it is a plain or dotted name."""
    plain = _PLAIN.fullmatch(name) and not any(map(keyword.iskeyword, name.split(".")))
    return name if plain else f"`{name}`"


def column(name: str, *, taken: Mapping[str, object], prefix: str = "") -> str:
    """Name of a column for a branch: without the prefix of its collection, and not taken yet."""
    plain = re.sub(r"\W+", "_", name.removeprefix(prefix)).strip("_") or "column"
    plain = plain if re.match(r"[A-Za-z_]", plain) else f"x{plain}"
    plain = plain[:70]
    while plain in taken or plain in ("label", "event", "weight", "mc_weight", "valid"):
        plain += "_"
    return plain


def unusual(low: float | None, high: float | None) -> bool:
    """Whether a range holds what no measurement gives: left-over memory."""
    return low is None or high is None or max(abs(low), abs(high)) > 1e15
