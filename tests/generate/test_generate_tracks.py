"""Perigees, resolutions and pile-up against what is known analytically."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftag_prune.generate.association import associate, lifetime_signed, shrinking_cone, subjet_cone
from ftag_prune.generate.kinematics import FourMomenta, delta_phi, from_angles, nearest_jet
from ftag_prune.generate.pdg import charge_of
from ftag_prune.generate.perigee import Perigees, closest_approach, curvature_radius
from ftag_prune.generate.pileup import Pileup, overlay
from ftag_prune.generate.tracker import efficiency, measure, smear_vertex


def perigees_of(size: int, **columns: float) -> Perigees:
    """Central pions from the primary vertex, with some columns changed."""
    values = {
        "event": 0,
        "source": 0,
        "pdg": 211,
        "charge": 1.0,
        "pt": 5.0,
        "theta": np.pi / 2,
        "phi": 0.3,
        "d0": 0.0,
        "z0": 0.0,
        "birth": 0.0,
        **columns,
    }
    return Perigees(**{name: np.full(size, value) for name, value in values.items()})


def momentum(pt: float, phi: float, eta: float) -> FourMomenta:
    return from_angles(np.zeros(1, int), np.array([pt]), np.array([eta]), np.array([phi]), mass=0.1)


def test_straight_track_has_the_perigee_of_a_line() -> None:
    # At 1 TeV the radius is 1.7 km: over 10 mm the track is straight to 30 nm.
    helix = closest_approach(momentum(1000.0, 0.0, 1.0), np.ones(1), np.array([[10.0, 0.5, 3.0]]))
    assert helix.d0[0] == pytest.approx(0.5, abs=1e-4)  # above the x axis, going along it
    assert helix.phi[0] == pytest.approx(0.0, abs=1e-4)
    assert helix.z0[0] == pytest.approx(3.0 - 10.0 * np.sinh(1.0), abs=1e-3)


def test_curved_track_from_its_circle() -> None:
    # A positive track of 1.2 GeV turns clockwise around a centre at distance R: 2 m in 2 T.
    radius = curvature_radius(np.array([1.2]))
    assert radius[0] == pytest.approx(2001.4, abs=0.1)
    # Its topmost point lies on the y axis at y = 0.7, where it goes along +x.
    angle = 0.1  # it has turned by this much since
    at = np.array([[radius[0] * np.sin(angle), 0.7 - radius[0] * (1 - np.cos(angle)), 2.0]])
    helix = closest_approach(momentum(1.2, -angle, 0.5), np.ones(1), at)
    assert helix.d0[0] == pytest.approx(0.7, abs=1e-9)
    assert helix.phi[0] == pytest.approx(0.0, abs=1e-9)
    assert helix.z0[0] == pytest.approx(2.0 - radius[0] * angle * np.sinh(0.5), abs=1e-6)


@given(
    pt=st.floats(0.5, 100),
    phi=st.floats(-3, 3),
    eta=st.floats(-2.5, 2.5),
    d0=st.floats(-5, 5),
    z0=st.floats(-50, 50),
    charge=st.sampled_from([-1.0, 1.0]),
    path=st.floats(-60, 60),
)
def test_any_point_of_a_helix_gives_its_perigee_back(
    pt: float, phi: float, eta: float, d0: float, z0: float, charge: float, path: float
) -> None:
    radius = pt / (0.299792458e-3 * 2)
    turned = phi - charge * path / radius
    # Integrate (cos, sin)(phi - q s / R) from the perigee d0 (-sin phi, cos phi).
    x = -d0 * np.sin(phi) - charge * radius * (np.sin(turned) - np.sin(phi))
    y = d0 * np.cos(phi) + charge * radius * (np.cos(turned) - np.cos(phi))
    at = np.array([[x, y, z0 + path * np.sinh(eta)]])
    helix = closest_approach(momentum(pt, turned, eta), np.array([charge]), at)
    assert helix.d0[0] == pytest.approx(d0, abs=1e-6)
    assert helix.z0[0] == pytest.approx(z0, abs=1e-5)
    assert delta_phi(helix.phi, np.array([phi]))[0] == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize(("flight", "sign"), [(3.0, 1), (-3.0, -1)])
@pytest.mark.parametrize("angle", [0.3, -0.3])
@pytest.mark.parametrize("direction", [0.4, 3.1])
def test_decay_in_front_of_the_vertex_has_positive_significance(
    flight: float, sign: int, angle: float, direction: float
) -> None:
    # The parent flies along the jet; its daughter leaves to one side or the other.
    at = flight * np.array([[np.cos(direction), np.sin(direction), 0.5]])
    helix = closest_approach(momentum(20.0, direction + angle, 0.3), np.ones(1), at)
    turn = delta_phi(np.array([direction]), helix.phi)
    signed = lifetime_signed(helix.d0, np.array([0.01]), np.sin(turn))
    assert np.sign(signed[0]) == sign
    assert abs(signed[0]) == pytest.approx(3.0 * np.sin(0.3) / 0.01, rel=0.02)


def test_longitudinal_sign() -> None:
    values = lifetime_signed(np.array([2.0, -2.0]), np.array([0.5, 0.5]), np.array([-0.1, -0.1]))
    assert values.tolist() == [-4.0, 4.0]


def test_charges_of_particles_and_antiparticles() -> None:
    codes = np.array([11, -11, 211, -211, 2212, 3112, -3312, 22, 111, 12, 1_000_010_020])
    assert charge_of(codes).tolist() == [-1, 1, 1, -1, 1, -1, 1, 0, 0, 0, 0]


def test_pulls_have_unit_width_and_the_stated_tails() -> None:
    rng = np.random.default_rng(1)
    tracks = measure(perigees_of(40_000), rng)
    pull = tracks.d0 / tracks.d0_error
    low, high = np.quantile(pull, [0.1587, 0.8413])
    assert (high - low) / 2 == pytest.approx(1.05, abs=0.04)  # 5 % of the tracks lie
    assert 0.005 < np.mean(np.abs(pull) > 4) < 0.02
    assert np.median(tracks.d0_error) == pytest.approx(np.hypot(0.0085, 0.065 / 5), rel=0.02)
    assert np.median(tracks.pt) == pytest.approx(5.0, rel=0.01)


def test_missing_inner_hits_widen_the_error() -> None:
    tracks = measure(perigees_of(40_000), np.random.default_rng(2))
    with_hit = np.median(tracks.d0_error[tracks.innermost_hits == 1])
    without = (tracks.innermost_hits == 0) & (tracks.next_hits == 1)
    assert np.median(tracks.d0_error[without]) / with_hit == pytest.approx(1.8, rel=0.02)
    assert np.mean(tracks.innermost_hits) == pytest.approx(0.975, abs=0.005)


def test_tracks_from_outside_a_layer_lack_its_hits() -> None:
    tracks = measure(perigees_of(5_000, birth=60.0), np.random.default_rng(3))
    assert tracks.innermost_hits.max() == 0
    assert tracks.next_hits.max() == 0
    assert 0 < tracks.pixel_hits.max() <= 2
    assert tracks.pixel_holes[tracks.pixel_hits == 2].max() == 0


def test_efficiency_by_pseudorapidity_kind_and_birth() -> None:
    hard = {"pt": 50.0}
    assert efficiency(perigees_of(1, **hard))[0] == pytest.approx(0.92)
    forward = perigees_of(1, theta=2 * np.arctan(np.exp(-2.5)), **hard)
    assert efficiency(forward)[0] == pytest.approx(0.75)
    assert efficiency(perigees_of(1, pdg=11, **hard))[0] == pytest.approx(0.92 * 0.93)
    assert efficiency(perigees_of(1, pdg=13, **hard))[0] == pytest.approx(0.92 * 1.06)
    assert efficiency(perigees_of(1, birth=75.0, **hard))[0] == pytest.approx(0.92 * 0.775)
    assert efficiency(perigees_of(1, birth=301.0, **hard))[0] == 0


def test_measured_tracks_lie_in_the_selected_window() -> None:
    rng = np.random.default_rng(4)
    true = perigees_of(5_000)._replace(d0=rng.uniform(-8, 8, 5_000), z0=rng.uniform(-20, 20, 5_000))
    tracks = measure(true, rng)
    assert np.abs(tracks.d0).max() < 3.5
    assert np.abs(tracks.z0_sin_theta).max() < 5
    assert tracks.pt.min() > 0.5


def pileup_of(size: int, per_mm: float, **columns: float) -> Pileup:
    """A pool with one interaction of `size` tracks."""
    return Pileup(perigees_of(size, source=-1, **columns), np.array([0, size]), per_mm)


def test_pileup_has_the_stated_number_of_tracks_within_the_window() -> None:
    events, each, per_mm = 400, 5, 0.2
    vertex = np.zeros((events, 3))
    nothing = perigees_of(0)
    both = overlay(nothing, pileup_of(each, per_mm), vertex=vertex, rng=np.random.default_rng(5))
    # Central tracks: sin(theta) = 1, so that 2 x 6 mm of beam reach the loose window.
    expected = events * each * per_mm * 2.05 * 12
    assert len(both.pt) == pytest.approx(expected, rel=0.05)
    assert (np.diff(both.event) >= 0).all()
    assert (both.source == -1).all()


def test_pileup_refers_to_the_reconstructed_vertex() -> None:
    vertex = np.tile([0.02, -0.01, 0.5], (300, 1))
    both = overlay(perigees_of(0), pileup_of(3, 0.1), vertex=vertex, rng=np.random.default_rng(6))
    x, y = -both.d0 * np.sin(both.phi), both.d0 * np.cos(both.phi)
    # The beam, seen from the vertex, lies on every line: its distance to it along the normal is d0.
    normal = -np.sin(both.phi) * -0.02 + np.cos(both.phi) * 0.01
    np.testing.assert_allclose(both.d0, normal, atol=1e-12)
    assert np.hypot(x, y).max() <= np.hypot(0.02, 0.01) + 1e-12


def test_pileup_is_mirrored_half_of_the_time() -> None:
    forward = pileup_of(1, 0.1, theta=0.5, z0=2.0)  # from beside its vertex
    both = overlay(perigees_of(0), forward, vertex=np.zeros((500, 3)), rng=np.random.default_rng(9))
    assert set(np.unique(both.theta)) == {0.5, np.pi - 0.5}
    assert np.mean(both.theta < 1) == pytest.approx(0.5, abs=0.05)


def test_pileup_joins_the_hard_collision_without_changing_it() -> None:
    hard = perigees_of(4, source=7)._replace(event=np.array([0, 0, 1, 2]))
    both = overlay(hard, pileup_of(2, 0.2), vertex=np.zeros((3, 3)), rng=np.random.default_rng(7))
    assert both.event[both.source == 7].tolist() == [0, 0, 1, 2]
    assert (both.source == -1).sum() > 0


def test_vertex_resolution() -> None:
    vertex = smear_vertex(20_000, np.random.default_rng(8))
    np.testing.assert_allclose(vertex.std(axis=0), [0.008, 0.008, 0.025], rtol=0.03)


def test_each_track_goes_to_the_closest_jet_of_its_event() -> None:
    jets = from_angles(
        np.array([0, 0, 1]), np.full(3, 50.0), np.zeros(3), np.array([0.0, 0.6, 0.0]), mass=5.0
    )
    event, phi = np.array([0, 0, 0, 1, 2]), np.array([0.1, 0.4, -0.6, 0.4, 0.0])
    found = nearest_jet(event, np.zeros(5), phi, jets=jets, within=0.5, events=3)
    assert found.tolist() == [0, 1, -1, 2, -1]


def test_distance_goes_around_the_circle() -> None:
    jets = from_angles(np.zeros(1, int), np.ones(1), np.zeros(1), np.array([3.1]), mass=0.0)
    found = nearest_jet(
        np.zeros(1, int), np.zeros(1), np.array([-3.1]), jets=jets, within=0.1, events=1
    )
    assert found.tolist() == [0]


def test_association_is_sorted_by_significance_and_cut_at_the_cone() -> None:
    size = 400
    rng = np.random.default_rng(9)
    true = perigees_of(size, birth=0.0)._replace(
        event=np.repeat(np.arange(4), 100),
        phi=rng.uniform(-0.6, 0.6, size),
        d0=rng.normal(0, 0.1, size),
    )
    tracks = measure(true, rng)
    jets = from_angles(np.arange(4), np.full(4, 50.0), np.zeros(4), np.zeros(4), mass=5.0)
    found = associate(jets, tracks, cone=shrinking_cone, within=0.5, events=4)
    radius = shrinking_cone(np.array([50.0]))[0]
    assert found.distance.max() < radius
    everything = np.hypot(tracks.eta, tracks.phi) < radius
    assert len(found.track) == everything.sum()
    assert (tracks.event[found.track] == found.jet).all()
    assert (np.diff(found.jet) >= 0).all()
    same = np.diff(found.jet) == 0
    assert (np.diff(np.abs(found.d0_significance))[same] <= 0).all()


def test_cones_at_known_pt() -> None:
    assert shrinking_cone(np.array([20.0, 1e6])) == pytest.approx([0.4518, 0.239], abs=1e-3)
    assert subjet_cone(np.array([10.0, 200.0, 900.0])).tolist() == [0.25, 0.15, 0.1]
