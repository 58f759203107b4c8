"""What happened to a run, in sentences for a physicist: why it is stuck, and what would act."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args

from ftag_prune.diagnose.predict import SOLVED, pressure_needed, stability_limit, travel
from ftag_prune.errors import FtagPruneError, nearest
from ftag_prune.gates import Gate

__all__ = ["explain"]

# Gates that meet a budget by construction.
_UNPRESSED = {
    one.model_fields["kind"].default for one in get_args(get_args(Gate)[0]) if not one.pressed
}

# What `_speed_up` aims at; the other half is for the pruning itself.
_IN_TIME = "To be there after half of these epochs,"

_CONTROLS = {
    "scratch": "a small network trained from the start",
    "one_shot": "nodes ranked once and cut",
    "iterative": "nodes cut and the rest retrained, in turns",
}


class _Row(NamedTuple):
    """Gated row of the history, as numbers; the names are those of the columns."""

    epoch: float
    pressure: float
    active: float
    pruned: float
    off: float
    regrown: float
    gates_rate: float
    class_gradient: float
    pruning_gradient: float
    zero_gradient: float
    fractional: float
    price: float
    saliency_median: float
    saliency_high: float
    onset: float


class _Case(NamedTuple):
    """A gated run whose gated epochs have begun."""

    gate: Mapping[str, Any]
    pressed: bool
    optimiser: Mapping[str, Any]
    rows: Sequence[_Row]
    nodes: int
    target: float

    @property
    def now(self) -> _Row:
        return self.rows[-1]

    @property
    def wanted(self) -> float:
        return 1 - self.target

    @property
    def missing(self) -> float:
        return (self.target - self.now.pruned) * self.nodes


def explain(
    spec: Mapping[str, Any], history: Sequence[Mapping[str, float | str]], told: Mapping[str, Any]
) -> list[str]:
    """Sentences on a run: what was asked, what happened, why, what is predicted, what would act.

    Parameters
    ----------
    spec : content of ``spec.json``
    history : rows of ``history.csv``; numbers may still be text
    told : content of ``run.json``; of a run that has not ended, ``nodes`` alone is enough

    Raises
    ------
    FtagPruneError
        If the history lacks a column or holds something else than numbers, or a key is missing.
    """
    how, target = _key(spec, "how", "spec.json"), float(_key(spec, "target", "spec.json") or 0)
    if target == 0 or how["kind"] == "dense":
        return ["The run is dense: it has no gates, and nothing is switched off."]
    nodes = int(_key(told, "nodes", "run.json"))
    asked = _asked(spec, nodes, target)
    if how["kind"] != "gated":
        way = _CONTROLS.get(how["kind"], how["kind"])
        return [asked, f"A control without gates ({way}): no pruning loss can get stuck."]
    gated = [row for row in history if _key(row, "phase", "history") == "gated"]
    if not gated:
        return [asked, "No gated epoch has been trained yet; there is nothing to explain."]
    rows = [_row(row) for row in gated]
    words = [str(_key(row, "verdict", "history")) for row in gated]
    optimiser = how.get("optimiser") or spec["training"]["optimiser"]
    case = _Case(how["gate"], _pressed(how), optimiser, rows, nodes, target)
    why = _key(_WHY, words[-1], "verdicts of the history")
    counted = ", ".join(f"{word} {number}" for word, number in Counter(words).items())
    return [asked, *_happened(case, told), f"Epochs in one word: {counted}.", *why(case)]


# -- what was asked, and what happened -----------------------------------------------------------


def _asked(spec: Mapping[str, Any], nodes: int, target: float) -> str:
    how = spec["how"]
    names = ["gate", *(["pressure", "loss"] if _pressed(how) else []), "rates"]
    parts = ", ".join(f"{name} {how[name]['kind']}" for name in names if name in how)
    unit = (how.get("goal") or {}).get("unit", "nodes")
    keep = f" (keep {spec['keep']} of {nodes})" if spec.get("keep") is not None else ""
    strategy = f"'{spec.get('strategy', how['kind'])}'" + (f": {parts}" if parts else "")
    return f"Asked: prune {100 * target:.1f} % of the {unit}{keep} with {strategy}."


def _pressed(how: Mapping[str, Any]) -> bool:
    """Whether there is a pruning loss that acts on the gates."""
    budget = how.get("gate", {}).get("kind") in _UNPRESSED
    return not budget or bool(how.get("loss", {}).get("binarise"))


def _happened(case: _Case, told: Mapping[str, Any]) -> Iterator[str]:
    begun = next((row for row in case.rows if row.off > 0), None)
    if begun is None:
        yield f"In {len(case.rows)} gated epochs no node went off by itself."
    else:
        yield (
            f"By themselves {case.now.off:.0f} of {case.nodes} nodes went off, the first in epoch "
            f"{begun.epoch:.0f}."
        )
    back = sum(row.regrown for row in case.rows)
    if back:
        worst = max(case.rows, key=lambda row: row.regrown)
        yield (
            f"Nodes were switched on again {back:.0f} times, {worst.regrown:.0f} of them in epoch "
            f"{worst.epoch:.0f}; with 'ratchet' they stay off."
        )
        yield from _unstable(case)
    reached, left = told.get("reached"), told.get("left")
    if reached is not None and left is not None and reached != left:
        unit = told.get("unit", "nodes")
        open_now = f"{reached:g} {unit} open" if reached else "nothing open"
        yield f"The gates had {open_now}; the freeze, not they, made it {left:g}."


def _unstable(case: _Case) -> Iterator[str]:
    """Whether SGD's gates overshoot, taken where they are steepest: z' = k/4."""
    slope = float(case.gate.get("steepness", 1.0)) / 4
    most = max(case.rows, key=lambda row: row.pressure)
    limit = stability_limit(
        nodes=case.nodes,
        rate=most.gates_rate,
        slope_squared=slope * slope,
        momentum=case.optimiser.get("momentum", 0.0),
    )
    if case.optimiser["kind"] == "sgd" and most.pressure > limit:
        yield (
            f"The pressure rose to {_plain(most.pressure)}; above {_plain(limit)} gates half open "
            "overshoot (SGD at this rate), and a ladder wants that as its 'last'."
        )


# -- why, and what would act ---------------------------------------------------------------------


def _done(case: _Case) -> Iterator[str]:
    off, asked = 100 * case.now.pruned, 100 * case.target
    yield f"Done: {off:.1f} % are off, {asked:.1f} % were asked for; nothing is stuck."
    if case.missing < -1:
        yield (
            f"Overshoot: {-case.missing:.0f} nodes more than asked are off, and the freeze has to "
            "guess which come back; 'dual' lets go at the target, 'budget' never passes it."
        )


def _pruning(case: _Case) -> Iterator[str]:
    if not case.pressed:
        yield "There is no pruning loss to get stuck: the budget falls by itself."
        return
    yield f"Pruning goes on: {case.missing:.0f} nodes are missing after the last gated epoch."
    pace = case.now.off - case.rows[-2].off if len(case.rows) > 1 else 0.0
    if pace > 0:
        yield f"At {pace:.0f} nodes an epoch it needs {_plain(case.missing / pace)} epochs more."
    yield from _onset(case)


def _dilution(case: _Case) -> Iterator[str]:
    now, factor = case.now, _speed_up(case)
    yield (
        f"Dilution: each of {case.nodes} nodes feels 1/{case.nodes} of the slope of L_pru. It pays "
        f"{_plain(now.price)} for closing one, more than L_cla asks (median "
        f"{_plain(now.saliency_median)}), but the mean gate is only at {now.active:.4f} on its way "
        f"to {case.wanted:.3f}."
    )
    yield from _onset(case)
    if not math.isnan(factor):
        made = 200 / factor
        yield (
            f"In {len(case.rows)} gated epochs it made {_plain(made)} % of its travel to one half; "
            f"{_plain(100 - made)} % remain."
        )
    yield from (_faster_adam if case.optimiser["kind"] == "adam" else _faster_sgd)(case, factor)
    yield "The budget gate needs no pressure."
    yield (
        "Known to fail next: a pressure that cures only dilution (per_node, polyak, ladder) brings "
        "gates that are alike to rest together at a = t (fractional), and overshoots; combine it "
        "with 'gate: {kind: annealed}'."
    )


def _faster_sgd(case: _Case, factor: float) -> Iterator[str]:
    now = case.now
    if not math.isnan(factor):
        yield (
            f"{_IN_TIME} multiply the pressure by {_plain(factor)} (to "
            f"{_plain(now.pressure * factor)}), or take a gate rate of "
            f"{_plain(now.gates_rate * factor)} ('two_rates')."
        )
    if 0 < now.pressure < case.nodes:
        share = case.nodes / now.pressure
        word = "" if math.isnan(factor) else ", enough" if share >= factor else ", not enough"
        yield f"'pressure: {{kind: per_node}}' multiplies it by {_plain(share)}{word}."


def _faster_adam(case: _Case, factor: float) -> Iterator[str]:
    now = case.now
    if not math.isnan(factor):
        yield f"{_IN_TIME} take a gate rate of {_plain(now.gates_rate * factor)} ('two_rates')."
    ratio = now.class_gradient / now.pruning_gradient if now.pruning_gradient > 0 else math.inf
    yield (
        "Adam divides the pressure out where L_pru outweighs L_cla on the gates; here L_cla's "
        f"gradient is {_plain(ratio)} times L_pru's, and more pressure acts up to that factor only."
    )


def _saturation(case: _Case) -> Iterator[str]:
    yield (
        f"Saturation: the mean gate is {case.now.active:.5f}, where the slope has vanished as "
        f"exp(-|k theta|); on {100 * case.now.zero_gradient:.0f} % of the gates the gradient is "
        "exactly 0, and neither pressure nor rate nor Adam restarts that."
    )
    bound = f" (here {case.gate['limit']:g})" if "limit" in case.gate else ""
    yield (
        f"Limit |k theta| to 7{bound}, start at 0.9 or below, or let the steepness grow "
        "('annealed'); 'budget' and 'straight_through' need no pressure."
    )


def _fractional(case: _Case) -> Iterator[str]:
    now = case.now
    solved = now.active <= (1 + SOLVED) * case.wanted
    met = "as L_pru wants" if solved else "the count is met all the same, and L_pru wants"
    yield (
        f"Solved without pruning: mean gate {now.active:.4f}, {met} ({case.wanted:.3f}), but "
        f"{100 * now.fractional:.0f} % of the gates are between .05 and .95, and cutting those "
        f"below one half ({100 * now.pruned:.0f} % of all, asked were {100 * case.target:.0f} %) "
        "changes the network."
    )
    lean = now.pressure * abs(1 - 2 * case.wanted)
    about = ""
    if lean > 0 and now.saliency_high > 0:
        about = f" of about {_plain(now.saliency_high * case.nodes / lean)} (90 % saliency)"
    yield (
        f"Binarise with 'loss: {{binarise: ...}}'{about}, or take 'gate: {{kind: annealed}}' or "
        "'hard_concrete'; 'budget' needs no pressure."
    )
    yield "Known to fail: more pressure (ladder, per_node, polyak, dual) deepens this valley."


def _equilibrium(case: _Case) -> Iterator[str]:
    now, gap = case.now, case.now.active - case.wanted
    yield (
        f"Equilibrium: L_pru pays {_plain(now.price)} for closing a node, L_cla holds the open "
        f"ones with {_plain(now.saliency_median)} (median; 90 %: {_plain(now.saliency_high)}). "
        f"Norms on the gates: L_pru {_plain(now.pruning_gradient)}, L_cla "
        f"{_plain(now.class_gradient)}. A learning rate scales both and changes nothing."
    )
    yield from _onset(case)
    if now.price > 0 and now.saliency_median > 0:
        unit = now.price / now.pressure
        middle = pressure_needed(now.saliency_median, unit_price=unit)
        high = pressure_needed(now.saliency_high, unit_price=unit)
        yield (
            f"At a - t = {gap:.4f} the median node goes off above a pressure of {_plain(middle)} "
            f"(times {_plain(middle / now.pressure)}), nine of ten above {_plain(high)}; the price "
            "vanishes as a comes to t, so any fixed pressure freezes above the target."
        )
    yield (
        "'dual', 'augmented' and 'nupi' add up the shortfall until the count is met; 'budget' "
        "needs no pressure."
    )
    yield (
        "Known to fail: per_node and polyak cure dilution only; where they win they overshoot "
        "into the soft valley (fractional)."
    )


_WHY = {
    "done": _done,
    "pruning": _pruning,
    "saturation": _saturation,
    "fractional": _fractional,
    "equilibrium": _equilibrium,
    "dilution": _dilution,
}


# -- numbers behind the sentences ----------------------------------------------------------------


def _onset(case: _Case) -> Iterator[str]:
    now = case.now
    if math.isinf(now.onset):
        yield "Predicted onset: never, as things stand."
    elif now.onset > now.epoch:
        late = now.onset - now.epoch
        yield f"Predicted onset: epoch {now.onset:.0f}, {late:.0f} after the last gated one."


def _speed_up(case: _Case) -> float:
    """Factor by which gates must be faster to be at one half in the middle of the gated epochs.

    Twice the whole way over the way made: `travel` for SGD, whatever the course of the pressure;
    theta for Adam, whose steps do not know the slope. Where the mean gate did not come nearer, it
    follows from the predicted onset; nan without one.
    """
    first, now = case.rows[0], case.now
    start = float(case.gate.get("start_value", first.active))
    until = max(0.5, (1 + SOLVED) * case.wanted)
    if start > now.active > until:
        if case.optimiser["kind"] == "adam":
            return 2 * (_logit(start) - _logit(until)) / (_logit(start) - _logit(now.active))
        whole = travel(start, case.wanted, until=until)
        return 2 * whole / travel(start, case.wanted, until=now.active)
    if now.epoch < now.onset < math.inf:
        return 2 * (now.onset - first.epoch + 1) / len(case.rows)
    return math.nan


def _logit(gate: float) -> float:
    return math.log(gate / (1 - gate))


def _plain(value: float) -> str:
    """Two digits as a person writes them: 340, 0.012, 3.4e5."""
    if value != 0 and math.isfinite(value) and not 1e-3 <= abs(value) < 1e4:
        digits, power = f"{value:.1e}".split("e")
        return f"{float(digits):g}e{int(power)}"
    return f"{float(f'{value:.2g}'):g}"


# -- what came from files ------------------------------------------------------------------------


def _key(content: Mapping[str, Any], name: str, where: str) -> Any:
    if name not in content:
        raise FtagPruneError(f"{where}: no '{name}'{nearest(name, content)}")
    return content[name]


def _row(row: Mapping[str, float | str]) -> _Row:
    found = [_key(row, name, "history (of an older version?)") for name in _Row._fields]
    try:
        return _Row(*(math.nan if value == "" else float(value) for value in found))
    except (TypeError, ValueError) as wrong:
        raise FtagPruneError(f"history: epoch {row['epoch']} holds no number ({wrong})") from None
