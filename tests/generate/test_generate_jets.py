"""Clustering, trimming and substructure of a few particles whose jets are known."""

from __future__ import annotations

import numpy as np
import pytest

from ftag_prune.generate.events import Batch, Particles
from ftag_prune.generate.jets import cluster, substructure, trim, visible
from ftag_prune.generate.kinematics import FourMomenta, from_angles
from ftag_prune.generate.pdg import heavy_quark

pytest.importorskip("fastjet")


def momenta(*rows: tuple[int, float, float, float]) -> FourMomenta:
    """Massless particles by event, pt in GeV, eta and phi."""
    event, pt, eta, phi = (np.array(column) for column in zip(*rows, strict=True))
    return from_angles(event, pt, eta, phi, mass=0.0)


def test_constituents_are_those_near_the_axis_and_of_the_same_event() -> None:
    particles = momenta(
        (0, 50.0, 0.0, 0.0),
        (0, 30.0, 1.0, 2.0),
        (0, 10.0, 0.1, 0.1),
        (0, 2.0, -1.5, -2.0),  # alone: too soft for a jet
        (2, 25.0, 0.0, 0.0),  # event 1 is empty
        (2, 5.0, 0.0, 0.2),
    )
    found = cluster(particles, events=3, algorithm="antikt", radius=0.4, min_pt=20.0)
    assert found.jets.event.tolist() == [0, 0, 2]
    groups = [sorted(found.constituent[found.jet == jet].tolist()) for jet in range(3)]
    assert sorted(groups) == [[0, 2], [1], [4, 5]]
    hard = groups.index([0, 2])
    assert found.jets.px[hard] == pytest.approx(particles.px[[0, 2]].sum())
    assert found.jets.e[hard] == pytest.approx(particles.e[[0, 2]].sum())


def test_nothing_to_cluster() -> None:
    nothing = FourMomenta(np.zeros(0, int), *(np.zeros(0) for _ in range(4)))
    found = cluster(nothing, events=2, algorithm="antikt", radius=0.4, min_pt=20.0)
    assert len(found.jets.event) == len(found.constituent) == 0


def test_trimming_removes_soft_subjets_alone() -> None:
    particles = momenta(
        (0, 200.0, 0.0, 0.0),
        (0, 150.0, 0.4, 0.3),
        (0, 4.0, 0.05, 0.05),  # soft, inside a hard subjet: kept
        (0, 10.0, -0.5, -0.3),  # below 5 % of the jet: removed
        (0, 30.0, -0.2, 0.6),  # above: kept
    )
    found = cluster(particles, events=1, algorithm="antikt", radius=1.0, min_pt=100.0)
    assert len(found.jets.event) == 1
    trimmed = trim(particles, found)
    kept = [0, 1, 2, 4]
    assert trimmed.subjets.tolist() == [3]
    assert trimmed.jets.px[0] == pytest.approx(particles.px[kept].sum())
    assert sorted(trimmed.constituents.e) == pytest.approx(sorted(particles.e[kept]))
    assert trimmed.jets.mass[0] < found.jets.mass[0]


def test_two_prongs_of_a_boson_keep_its_mass() -> None:
    higgs = momenta((0, 200.0, 0.3, 0.0), (0, 150.0, -0.3, 0.4))
    found = cluster(higgs, events=1, algorithm="antikt", radius=1.0, min_pt=100.0)
    trimmed = trim(higgs, found)
    expected = np.sqrt(2 * 200 * 150 * (np.cosh(0.6) - np.cos(0.4)))
    assert trimmed.jets.mass[0] == pytest.approx(expected)


def test_substructure_of_one_two_and_three_prongs() -> None:
    def prong(jet: int, pt: float, eta: float, phi: float) -> list[tuple[int, float, float, float]]:
        around = ((0.0, 0.0), (0.02, 0.0), (0.0, 0.02), (-0.02, -0.01))
        return [(jet, pt * (0.9**n), eta + a, phi + b) for n, (a, b) in enumerate(around)]

    rows = [
        *prong(0, 50, 0, 0),
        *prong(1, 50, 0, 0), *prong(1, 40, 0.6, 0),
        *prong(2, 50, 0, 0), *prong(2, 40, 0.6, 0), *prong(2, 30, 0.3, 0.5),
        (3, 50.0, 0.0, 0.0),
    ]  # fmt: skip
    shapes = substructure(momenta(*rows), jets=4)
    assert shapes.tau21[1] < 0.1
    assert shapes.tau32[2] < 0.15
    # With three prongs, one axis misses the two softer ones and two axes miss the softest alone.
    missed = np.array([40 * 0.6, 30 * np.hypot(0.3, 0.5)])
    assert shapes.tau21[2] == pytest.approx(missed[1] / missed.sum(), rel=0.1)
    softer = 40 * sum(0.9**n for n in range(4))
    assert shapes.split12[1] == pytest.approx(softer * 0.6, rel=0.05)
    assert shapes.split12[0] < 0.05 * shapes.split12[1]
    assert np.isnan(shapes.tau21[3])  # one particle has no second axis
    assert shapes.split12[3] == 0


def test_mass_and_direction_of_columns() -> None:
    one = from_angles(np.zeros(1, int), np.array([3.0]), np.zeros(1), np.zeros(1), mass=4.0)
    assert one.e[0] == pytest.approx(5.0)
    assert one.mass[0] == pytest.approx(4.0)
    assert one.direction.tolist() == [[1.0, 0.0, 0.0]]


def batch_of(*rows: tuple[int, int, float]) -> Batch:
    """One event of particles at eta = 0 by code, mother and energy."""
    pdg, mother = (np.array([row[k] for row in rows]) for k in (0, 1))
    energy, zero = np.array([row[2] for row in rows], dtype=float), np.zeros(len(rows))
    final = ~np.isin(np.arange(len(rows)), mother)
    event = np.zeros(len(rows), int)
    particles = Particles(
        event, pdg, heavy_quark(pdg), mother, final, energy, zero, zero, energy, zero, zero, zero
    )
    return Batch(particles, 1, np.ones(1))


def test_neutrinos_muons_and_prompt_electrons_are_not_in_jets() -> None:
    batch = batch_of(
        (24, -1, 80.0), (-11, 0, 40.0), (12, 0, 40.0), (13, -1, 30.0), (211, -1, 20.0),
        (511, -1, 30.0), (-11, 5, 25.0), (22, 5, 5.0),
    )  # fmt: skip
    seen = visible(batch, np.random.default_rng(1))
    # The pion, the b hadron's electron and its photon, each within six standard deviations.
    np.testing.assert_allclose(seen.e, [20, 25, 5], rtol=0.8)
    assert abs(seen.e[1] - 25) < 6 * 25 * np.hypot(0.10 / 5, 0.007)


def test_energy_resolution_of_photons_and_hadrons() -> None:
    many = 20_000
    batch = batch_of(*[(22, -1, 25.0)] * many, *[(211, -1, 25.0)] * many)
    energy = visible(batch, np.random.default_rng(2)).e / 25.0
    assert energy[:many].std() == pytest.approx(np.hypot(0.10 / 5, 0.007), rel=0.03)
    assert energy[many:].std() == pytest.approx(np.hypot(0.55 / 5, 0.03), rel=0.03)
    assert energy.mean() == pytest.approx(1.0, abs=0.002)
