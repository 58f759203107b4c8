"""Labels of hand-made events."""

from __future__ import annotations

import numpy as np
import pytest

from ftag_prune.generate.events import Particles
from ftag_prune.generate.kinematics import FourMomenta, from_angles
from ftag_prune.generate.pdg import heavy_quark
from ftag_prune.generate.truth import (
    count_hadrons,
    is_prompt,
    label_by_hadrons,
    last_copies,
    matched,
    track_origins,
)

Row = tuple[int, int, float, float]  # PDG code, row of the mother, pt in GeV, azimuth


def particles_of(*events: list[Row]) -> Particles:
    """Particles at eta = 0, made at the origin; mothers count within their event."""
    rows = [(n, *row) for n, rows in enumerate(events) for row in rows]
    first = np.cumsum([0, *(len(event) for event in events)])
    event, pdg, mother = (np.array([row[k] for row in rows], dtype=int) for k in range(3))
    pt, phi = (np.array([row[k] for row in rows], dtype=float) for k in (3, 4))
    zero = np.zeros(len(rows))
    momenta = from_angles(event, pt, zero, phi, mass=0.0)
    return Particles(
        event=event,
        pdg=pdg,
        heavy=heavy_quark(pdg),
        mother=np.where(mother >= 0, mother + first[event], -1),
        final=~np.isin(np.arange(len(rows)), np.where(mother >= 0, mother + first[event], -1)),
        px=momenta.px,
        py=momenta.py,
        pz=momenta.pz,
        e=momenta.e,
        x=zero,
        y=zero,
        z=zero,
    )


def jets_at(*places: tuple[int, float]) -> FourMomenta:
    """Jets of 50 GeV at eta = 0, by event and azimuth."""
    event = np.array([place[0] for place in places], dtype=int)
    phi = np.array([place[1] for place in places])
    return from_angles(event, np.full(len(event), 50.0), np.zeros(len(event)), phi, mass=5.0)


@pytest.mark.parametrize(
    ("code", "quark"),
    [
        (511, 5), (-521, 5), (531, 5), (541, 5), (513, 5), (10513, 5), (5122, 5), (-5332, 5),
        (411, 4), (-421, 4), (431, 4), (413, 4), (20413, 4), (4122, 4), (4332, 4), (5232, 5),
        (443, 0), (100443, 0), (553, 0), (211, 0), (310, 0), (3122, 0), (5, 0), (4, 0),
        (5101, 0), (4203, 0), (5503, 0), (25, 0), (5100039, 0), (9900041, 0), (1_000_020_040, 0),
    ],
)  # fmt: skip
def test_heavy_quark_of_a_code(code: int, quark: int) -> None:
    assert heavy_quark(np.array([code])).tolist() == [quark]


def test_last_copies_are_those_without_a_daughter_of_the_kind() -> None:
    # B* -> B0 -> anti-B0 (mixing) -> D -> K; a second B that stays alone.
    particles = particles_of(
        [(513, -1, 40, 0), (511, 0, 40, 0), (-511, 1, 40, 0), (411, 2, 20, 0), (321, 3, 9, 0)],
        [(521, -1, 30, 0)],
    )
    assert last_copies(particles, particles.heavy == 5).tolist() == [2, 5]
    assert last_copies(particles, particles.heavy == 4).tolist() == [3]


def test_labels_are_exclusive_and_b_wins() -> None:
    particles = particles_of(
        [
            (511, -1, 40, 0.0),  # b hadron in the first jet, its charm daughter too
            (411, 0, 20, 0.05),
            (421, -1, 15, 1.0),  # charm in the second
            (15, -1, 30, 2.0),  # tau in the third
            (521, -1, 4.9, 3.0),  # below the threshold in the fourth
            (4122, -1, 12, -1.0 + 0.31),  # outside the cone of the fifth
        ],
        [(531, -1, 20, 0.12)],  # between two jets: the closer one has it
    )
    jets = jets_at((0, 0.0), (0, 1.0), (0, 2.0), (0, 3.0), (0, -1.0), (1, 0.0), (1, 0.2))
    truth = label_by_hadrons(particles, jets, events=2)
    assert truth.label.tolist() == [5, 4, 15, 0, 0, 0, 5]
    np.testing.assert_allclose(truth.pt, [40, 15, 30, np.nan, np.nan, np.nan, 20])


def test_the_hardest_hadron_gives_the_pt() -> None:
    particles = particles_of([(511, -1, 40, 0.1), (521, -1, 25, 0.0)])
    assert label_by_hadrons(particles, jets_at((0, 0.0)), events=1).pt.tolist() == [
        pytest.approx(40)
    ]


def test_events_without_jets_or_particles() -> None:
    truth = label_by_hadrons(particles_of([]), jets_at((0, 0.0)), events=1)
    assert truth.label.tolist() == [0]
    none = label_by_hadrons(particles_of([(511, -1, 40, 0.1)]), jets_at(), events=1)
    assert len(none.label) == 0


def test_hadrons_and_bosons_in_large_jets() -> None:
    particles = particles_of(
        [
            (25, -1, 300, 0.0),
            (25, 0, 310, 0.1),  # the copy after radiation
            (511, 1, 80, 0.5),
            (-511, 1, 70, -0.5),
            (411, 2, 30, 0.5),
            (521, -1, 30, 2.5),
        ]
    )
    jets = jets_at((0, 0.0), (0, 2.0))
    count = {
        quark: count_hadrons(particles, quark, jets=jets, within=1.0, events=1).tolist()
        for quark in (4, 5)
    }
    assert count == {4: [1, 0], 5: [2, 1]}
    assert matched(particles, 25, jets=jets, within=0.75, events=1).tolist() == [True, False]
    assert matched(particles, 25, jets=jets, within=0.05, events=1).tolist() == [False, False]


def test_origin_of_tracks() -> None:
    particles = particles_of(
        [
            (5, -1, 50, 0),
            (511, 0, 45, 0),  # 1
            (211, 1, 5, 0),  # 2: from b
            (-411, 1, 20, 0),  # 3
            (310, 3, 9, 0),  # 4
            (211, 4, 4, 0),  # 5: from b, c and K_S
            (4122, -1, 20, 0),  # 6
            (2212, 6, 9, 0),  # 7: from c
            (24, -1, 80, 0),  # 8
            (15, 8, 40, 0),  # 9
            (211, 9, 30, 0),  # 10: from tau
            (3122, -1, 5, 0),  # 11
            (2212, 11, 4, 0),  # 12: from Lambda
            (211, 0, 3, 0),  # 13: from the b quark's string: primary
        ]
    )
    rows = np.array([2, 5, 7, 10, 12, 13, -1])
    assert track_origins(particles, rows).tolist() == [3, 4, 5, 6, 7, 2, 0]


def test_ancestry_stops_at_partons() -> None:
    # A pion whose mother is a quark that came, absurdly, from a b hadron.
    particles = particles_of([(511, -1, 40, 0), (2, 0, 9, 0), (211, 1, 3, 0)])
    assert track_origins(particles, np.array([2])).tolist() == [2]


def test_prompt_leptons_come_from_bosons() -> None:
    particles = particles_of(
        [
            (24, -1, 80, 0),
            (-11, 0, 40, 0),
            (-11, 1, 39, 0),  # 2: after radiation
            (-15, 0, 40, 0),
            (-11, 3, 20, 0),  # 4: through a tau
            (511, -1, 40, 0),
            (-11, 5, 10, 0),  # 6: from a b hadron
            (-15, 5, 10, 0),
            (-11, 7, 5, 0),  # 8: from a b hadron through a tau
            (11, -1, 5, 0),  # 9: from nowhere
        ]
    )
    rows = np.array([2, 4, 6, 8, 9])
    assert is_prompt(particles, rows).tolist() == [True, True, False, False, False]
