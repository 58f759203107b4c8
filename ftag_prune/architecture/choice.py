"""All kinds of networks: the choice that a study makes by `kind`.

Each tells the `nodes` of its layers by their names and can be `resized`, says whether it
`needs_tracks` of a jet and which `tracks` inputs it takes (all that there are, if it needs them and
names none), and whether it `selects_inputs`: whether input features are nodes of it that can be
switched off.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ftag_prune.architecture.deepsets import DeepSets
from ftag_prune.architecture.mlp import Mlp
from ftag_prune.architecture.transformer import Transformer
from ftag_prune.architecture.two_step import TwoStep
from ftag_prune.architecture.vgg import Vgg

__all__ = ["Architecture"]

Architecture = Annotated[DeepSets | Mlp | Transformer | TwoStep | Vgg, Field(discriminator="kind")]
