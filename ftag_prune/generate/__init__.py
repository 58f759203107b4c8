"""Simulated jets with tracks: Pythia 8, FastJet and a parametrised tracker, to ROOT or HDF5.

The sample is "Pythia 8 + parametrised tracker", never the simulation of an experiment. Not
modelled: secondaries from material, merged and fake tracks in dense cores (not to be trusted above
about 500 GeV), calorimeter granularity, ghost association (angles instead) and variable-radius
track jets. Please cite Pythia 8.3 (arXiv:2203.11601) and FastJet (arXiv:1111.6097) for what is made
with it.
"""

from __future__ import annotations

from ftag_prune.generate.processes import PROCESSES
from ftag_prune.generate.shard import Generated, generate

__all__ = ["PROCESSES", "Generated", "generate"]
