"""Everything that is found out about a sample, and whether any of it is serious."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ftag_prune.check import classes, events, kinematics, scores, tracks, values
from ftag_prune.check.finding import Finding, Severity, doubtful, note, serious
from ftag_prune.check.look import Failure, Seen, look
from ftag_prune.check.part import parts, spread
from ftag_prune.check.values import Summary
from ftag_prune.errors import FtagPruneError, SampleError
from ftag_prune.read import entries
from ftag_prune.schema import Card, Place, plan_of

__all__ = ["JETS", "Report", "check"]

JETS = 5000
_DIGITS = {"train": range(6), "val": range(6, 7), "test": range(7, 10)}  # prepare's own default


class Report(NamedTuple):
    """What is known of a sample.

    Attributes
    ----------
    title : what was read
    head, flow : names and rows of the cut flow
    summaries : columns of jets, then of tracks
    findings : the worst first
    """

    title: str
    head: tuple[str, ...]
    flow: tuple[tuple[str, ...], ...]
    summaries: tuple[Summary, ...]
    findings: tuple[Finding, ...]

    @property
    def good(self) -> bool:
        """Whether nothing is serious."""
        return not any(one.severity is Severity.SERIOUS for one in self.findings)


def check(card: Card, files: Sequence[Place], *, jets: int = JETS) -> Report:
    """Read a few thousand jets, the first and last of each file, and say what is odd.

    Parameters
    ----------
    jets : entries (jets or events) that are read, about

    Raises
    ------
    SampleError
        If there are no files at all.
    """
    if not files:
        raise SampleError(f"card '{card.name}': no files; name them in the card or the command")
    plan, chosen = plan_of(card), spread(list(files))
    sizes, found = _sizes(card, chosen)
    if len(chosen) < len(files):
        found.append(note("files", f"{len(chosen)} of {len(files)} were opened, evenly spread"))
    wanted = parts({path: size for path, size in sizes.items() if size}, wanted=jets)
    seen, failed = look(card, plan, wanted)
    found += _failures(failed)
    read, whole = sum(part.stop - part.start for part in wanted), sum(sizes.values())
    share = read / whole * len(chosen) / len(files) if whole else 1.0
    summaries = tuple(_summaries(card, seen)) if seen else ()
    if seen is not None:
        found += _findings(card, seen, summaries, share=share)
    names = tuple(plan.labels)
    head = ("class", "in", *(f"- {cut}" for cut in plan.select), "no class", "kept")
    return Report(
        f"{card.name}: {read} of {whole} entries in {len(sizes)} files",
        head,
        tuple(classes.rows(seen.counts, names)) if seen else (),
        summaries,
        tuple(sorted(found, key=lambda one: list(Severity).index(one.severity))),
    )


def _sizes(card: Card, files: Sequence[Place]) -> tuple[dict[Place, int], list[Finding]]:
    """Entries of the files that can be opened, and a finding for each other one."""
    sizes, found = {}, []
    for path in files:
        try:
            sizes[path] = entries(card, path)
        except (FtagPruneError, OSError) as wrong:
            found.append(serious("files", str(wrong)))
            continue
        if sizes[path] == 0:
            found.append(doubtful("files", f"{path}: holds no entries"))
    return sizes, found


def _failures(failed: Sequence[Failure]) -> list[Finding]:
    """A sentence for each reason; the same one for several files is said once."""
    reasons: dict[str, list[str]] = {}
    for one in failed:
        path = str(one.part.path)
        reasons.setdefault(one.reason.replace(path, "").lstrip(":, "), []).append(path)
    found = []
    for reason, paths in reasons.items():
        others = len(dict.fromkeys(paths)) - 1
        more = f" and {others} other files" if others else ""
        found.append(serious("files", f"{paths[0]}{more}: {reason}"))
    return found


def _summaries(card: Card, seen: Seen) -> Iterator[Summary]:
    """Of the kept jets; of all where none is kept."""
    columns = seen.kept if len(seen.label) else seen.every
    for name, column in columns.items():
        yield values.summarise(name, column, chosen=name in card.inputs.jets)
    for name, column in seen.tracks.items():
        yield values.summarise(f"tracks.{name}", column, chosen=True)


def _findings(
    card: Card, seen: Seen, summaries: Sequence[Summary], *, share: float
) -> Iterator[Finding]:
    names = tuple(card.labels)
    yield from classes.population(seen.counts, names, share=share)
    yield from classes.untaken(seen.without)
    yield from kinematics.momenta(seen.every["pt"], seen.every.get("mass"))
    yield from kinematics.angles(seen.every, within="jets")
    if len(seen.label):
        yield from _of_kept(card, seen, summaries, names)


def _of_kept(
    card: Card, seen: Seen, summaries: Sequence[Summary], names: tuple[str, ...]
) -> Iterator[Finding]:
    """Findings on the jets that pass all cuts and have a class."""
    for summary in summaries:
        yield from values.oddities(summary, _key(summary.name), jets=len(seen.label))
    yield from values.absent(summaries)
    yield from _of_inputs(card, seen, names)
    yield from events.weights(seen.weight, seen.label, names)
    if seen.event is not None:
        yield from events.numbers(seen.event, seen.kept["pt"], seen.kept["eta"], splits=_DIGITS)
    for name, by in seen.references.items():
        yield from scores.probabilities(name, by)
    if seen.numbers is not None and card.constituents:
        yield from tracks.numbers(seen.numbers, maximum=card.constituents.maximum)
        yield from tracks.padding(seen.tracks)
        yield from kinematics.angles(seen.tracks, within="constituents.variables")
        yield from kinematics.lengths(seen.tracks)


def _key(name: str) -> str:
    space, _, inner = name.rpartition(".")
    return f"constituents.variables.{inner}" if space else f"jets.{inner}"


def _of_inputs(card: Card, seen: Seen, names: tuple[str, ...]) -> Iterator[Finding]:
    inputs = {name: seen.kept[name] for name in card.inputs.jets}
    for first, second in values.twins(inputs):
        yield doubtful(f"jets.{second}", f"is the same as jets.{first} in all jets")
    for name, column in inputs.items():
        yield from values.leaks(name, column, seen.label, names, key=f"jets.{name}")
