"""All kinds of networks: the choice that a study makes by `kind`."""

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
