"""The secondary vertex of tracks whose origin is known."""

from __future__ import annotations

import numpy as np
import pytest

from ftag_prune.generate.association import associate, large_cone
from ftag_prune.generate.columns import join
from ftag_prune.generate.kinematics import FourMomenta, from_angles
from ftag_prune.generate.perigee import closest_approach
from ftag_prune.generate.tracker import Tracks
from ftag_prune.generate.vertexing import (
    Measured,
    SecondaryVertices,
    fit,
    is_decay,
    lines_of,
    secondary_vertices,
)

Leg = tuple[float, float, float, float]  # charge, pt in GeV, eta, phi where it is made


def tracks_from(event: int, point: np.ndarray, legs: list[Leg]) -> Tracks:
    """Tracks without errors from a point in mm; their stated errors are 10 and 30 um."""
    charge, pt, eta, phi = (np.array(column) for column in zip(*legs, strict=True))
    size = len(legs)
    momenta = from_angles(np.full(size, event), pt, eta, phi, mass=0.13957)
    helix = closest_approach(momenta, charge, np.tile(point, (size, 1)))
    theta = 2 * np.arctan(np.exp(-eta))
    one = np.ones(size, dtype=int)
    return Tracks(
        event=momenta.event, source=one, pdg=211 * one, pt=pt, eta=eta, phi=helix.phi,
        theta=theta, d0=helix.d0, z0_sin_theta=helix.z0 * np.sin(theta),
        q_over_p=charge / pt * np.sin(theta), d0_error=np.full(size, 0.01),
        z0_error=np.full(size, 0.03), phi_error=0.0 * pt, theta_error=0.0 * pt,
        q_over_p_error=0.0 * pt, innermost_hits=one, next_hits=one, pixel_hits=4 * one,
        strip_hits=8 * one, shared_hits=0 * one, pixel_holes=0 * one,
    )  # fmt: skip


LEGS: list[Leg] = [(1, 8.0, 0.55, 0.25), (-1, 5.0, 0.35, 0.45), (1, 3.0, 0.5, 0.5)]


def jet_along(point: np.ndarray, *, event: int = 0) -> FourMomenta:
    """Jet of 60 GeV from the origin towards a point."""
    x, y, z = point
    return from_angles(
        np.array([event]),
        np.array([60.0]),
        np.array([np.arcsinh(z / np.hypot(x, y))]),
        np.array([np.arctan2(y, x)]),
        mass=6.0,
    )


def vertices_of(jets: FourMomenta, tracks: Tracks, *, events: int) -> SecondaryVertices:
    found = associate(jets, tracks, cone=large_cone, within=1.0, events=events)
    return secondary_vertices(jets, tracks, found)


@pytest.mark.parametrize("length", [1.0, 5.0, 40.0])
def test_exact_tracks_meet_where_they_were_made(length: float) -> None:
    point = length * jet_along(np.array([1.0, 0.4, 0.5])).direction[0]
    tracks = tracks_from(0, point, LEGS)
    found = fit(lines_of(tracks, np.arange(3)), np.zeros(3, int), jet_along(point).direction)
    np.testing.assert_allclose(found.position[0], point, atol=2e-4 * length)
    assert (found.weight > 0.95).all()


def test_point_off_the_axis_is_recovered_without_the_axis() -> None:
    point = np.array([6.0, 3.0, 2.0])
    tracks = tracks_from(0, point, LEGS)
    axis = jet_along(np.array([1.0, 0.3, 0.5])).direction
    lines = lines_of(tracks, np.arange(3))
    free = fit(lines, np.zeros(3, int), axis, axis_error=1e3)
    np.testing.assert_allclose(free.position[0], point, atol=2e-3)
    pulled = fit(lines, np.zeros(3, int), axis)
    across = point - point @ axis[0] * axis[0]
    assert (pulled.position[0] - point) @ across < 0


def test_bent_tracks_need_the_sagitta() -> None:
    point = 40.0 * jet_along(np.array([1.0, 0.4, 0.5])).direction[0]
    tracks = tracks_from(0, point, [(1, 1.0, 0.4, 0.2), (-1, 1.0, 0.5, 0.55), (1, 1.5, 0.5, 0.4)])
    lines = lines_of(tracks, np.arange(3))
    axis = jet_along(point).direction
    straight = fit(lines._replace(bend=np.zeros(3)), np.zeros(3, int), axis)
    bent = fit(lines, np.zeros(3, int), axis)
    assert np.linalg.norm(bent.position[0] - point) < 0.05
    assert np.linalg.norm(straight.position[0] - point) > 0.2


def test_covariance_is_the_inverse_of_the_information() -> None:
    # Two perpendicular central tracks measure x and y with 10 um each.
    legs: list[Leg] = [(1, 1000.0, 0.0, 0.0), (1, 1000.0, 0.0, np.pi / 2)]
    tracks = tracks_from(0, np.zeros(3), legs)
    axis = np.array([[1.0, 0.0, 0.0]])
    found = fit(lines_of(tracks, np.arange(2)), np.zeros(2, int), axis, axis_error=1e4)
    weight = found.weight[0]
    assert weight == pytest.approx(1 / (1 + np.exp(-4.5)))
    expected = np.diag([0.01**2, 0.01**2, 0.03**2 / 2]) / weight
    np.testing.assert_allclose(found.covariance[0], expected, rtol=0.02, atol=1e-8)


def test_a_stranger_gets_no_weight() -> None:
    point = 8.0 * jet_along(np.array([1.0, 0.4, 0.5])).direction[0]
    tracks = join(tracks_from(0, point, LEGS), tracks_from(0, 0.4 * point, [(-1, 6.0, 0.2, 0.6)]))
    found = fit(lines_of(tracks, np.arange(4)), np.zeros(4, int), jet_along(point).direction)
    assert found.weight[3] < 0.01
    np.testing.assert_allclose(found.position[0], point, atol=0.02)


def test_features_of_a_decay() -> None:
    point = 8.0 * jet_along(np.array([1.0, 0.4, 0.5])).direction[0]
    decay = tracks_from(0, point, LEGS)
    prompt = tracks_from(0, np.zeros(3), [(1, 10.0, 0.4, 0.3), (-1, 4.0, 0.6, 0.4)])
    tracks = join(decay, prompt)
    found = vertices_of(jet_along(point), tracks, events=1)
    momenta = np.stack(tracks.momenta[1:], axis=1)
    mass = np.sqrt(momenta[:3].sum(0)[3] ** 2 - (momenta[:3].sum(0)[:3] ** 2).sum())
    assert found.tracks.tolist() == [3]
    assert found.used.sum() == 3
    assert found.length[0] == pytest.approx(8.0, rel=1e-3)
    assert found.transverse_length[0] == pytest.approx(np.hypot(*point[:2]), rel=1e-3)
    assert found.mass[0] == pytest.approx(mass, rel=1e-6)
    assert found.energy_fraction[0] == pytest.approx(momenta[:3, 3].sum() / momenta[:, 3].sum())
    assert found.distance[0] < 1e-3
    assert found.significance[0] > 20


def test_jets_without_decay_have_no_vertex() -> None:
    axis = jet_along(np.array([1.0, 0.4, 0.5]))
    jets = join(axis, axis._replace(event=np.array([1])))
    prompt = tracks_from(0, np.zeros(3), LEGS)
    found = vertices_of(jets, prompt, events=2)  # the second jet has no tracks at all
    assert found.tracks.tolist() == [0, 0]
    for column in (found.length, found.mass, found.energy_fraction, found.distance):
        assert np.isnan(column).all()
    assert not found.used.any()


def test_decay_behind_the_vertex_is_refused() -> None:
    point = -8.0 * jet_along(np.array([1.0, 0.4, 0.5])).direction[0]
    found = vertices_of(jet_along(-point), tracks_from(0, point, LEGS), events=1)
    assert found.tracks.tolist() == [0]


GOOD_VERTEX = {
    "tracks": 3, "mass": 1.5, "energy": 20.0, "along": 3.0, "radius": 2.0, "significance": 8.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"tracks": 1}, False),
        ({"along": -3.0, "significance": 8.0}, False),
        ({"significance": 0.9}, False),
        ({"radius": 61.0}, False),
        ({"mass": 10.5}, False),
        ({"tracks": 2, "mass": 0.5}, False),
        ({"tracks": 3, "mass": 0.5}, True),
    ],
)
def test_each_cut_on_vertices(change: dict[str, float], good: bool) -> None:
    values = {name: np.array([value]) for name, value in {**GOOD_VERTEX, **change}.items()}
    assert is_decay(Measured(**values)).tolist() == [good]


def two_pions(mass: float) -> list[Leg]:
    """Pions of 5 GeV each, an equal angle to either side, with this invariant mass."""
    energy = np.hypot(5.0, 0.13957)
    cosine = (2 * 0.13957**2 + 2 * energy**2 - mass**2) / 50.0
    half = np.arccos(cosine) / 2
    return [(1, 5.0, 0.0, half), (-1, 5.0, 0.0, -half)]


@pytest.mark.parametrize(("mass", "tracks"), [(0.4976, 0), (0.7, 2)])
def test_kaons_are_vetoed(mass: float, tracks: int) -> None:
    point = np.array([15.0, 0.0, 0.0])
    found = vertices_of(jet_along(point), tracks_from(0, point, two_pions(mass)), events=1)
    assert found.tracks.tolist() == [tracks]


def test_jets_are_fitted_one_by_one() -> None:
    near = 3.0 * jet_along(np.array([1.0, 0.4, 0.5])).direction[0]
    far = 2.0 * near
    jets = join(jet_along(near), jet_along(far, event=1))
    tracks = join(tracks_from(0, near, LEGS), tracks_from(1, far, LEGS))
    both = vertices_of(jets, tracks, events=2)
    alone = vertices_of(jet_along(near), tracks_from(0, near, LEGS), events=1)
    assert both.length[0] == pytest.approx(alone.length[0], rel=1e-9)
    assert both.length[1] == pytest.approx(6.0, rel=1e-3)
