"""From a network to the content of an ONNX file, and what that is given for jets."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ftag_prune.flavours import score_name
from ftag_prune.model import About, Model
from ftag_prune.networks import Network
from ftag_prune.tensors import Jets

__all__ = [
    "INPUT",
    "OPSET",
    "TRACKS",
    "VALID",
    "Given",
    "arguments",
    "columns_of",
    "content",
    "exportable",
    "feed",
    "loaded",
    "output_names",
    "session",
    "takes",
]

INPUT = "jet_features"
TRACKS = "track_features"
VALID = "track_valid"

# ONNX Runtime can read it since 1.12 (2022).
OPSET = 17

# What the file calls that which a network's `forward` takes.
_NAMES = {"x": INPUT, "tracks": TRACKS, "valid": VALID}

_AXES = {INPUT: ("jets",), TRACKS: ("jets", "tracks"), VALID: ("jets", "tracks")}

Given = Mapping[str, npt.NDArray[Any]]
"""What the file is given, by the names of its inputs."""


def takes(network: Network) -> tuple[str, ...]:
    """Names of the inputs that the file of a network has, in the order of `forward`."""
    return tuple(name for name in _asked(network) if name != INPUT or hasattr(network, "mean"))


def arguments(network: Network, given: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """What `forward` takes, of the inputs of the file; jet inputs that it leaves are none."""
    none = next(iter(given.values())).new_zeros(0)
    return tuple(given.get(name, none) for name in _asked(network))


def _asked(network: Network) -> list[str]:
    taken = signature(network.forward).parameters.values()
    return [_NAMES[one.name] for one in taken if one.default is one.empty]


def columns_of(network: Network) -> Tensor:
    """Places of the track inputs that a network takes among those of its jets."""
    return network.get_buffer("columns")


def output_names(name: str, about: About) -> list[str]:
    """Names of the probabilities of a model of this name."""
    return [score_name(name, flavour) for flavour in about.classes]


def session(model: Model, *, name: str = "model") -> onnxruntime.InferenceSession:
    """ONNX Runtime with the model, on one thread, without a file and without the check."""
    return loaded(content(model.network, {"outputs": output_names(name, model.about)}))


def loaded(file: bytes) -> onnxruntime.InferenceSession:
    """ONNX Runtime with the content of a file, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def feed(model: Model, jets: Jets) -> dict[str, npt.NDArray[Any]]:
    """What an exported model is given for a batch of jets, by the names of its inputs.

    Parameters
    ----------
    jets : opened with ``inputs=model.about.inputs``
    """
    network = model.network
    given = dict(zip(_asked(network), network.arguments(jets), strict=True))
    if TRACKS in given:
        given[TRACKS] = given[TRACKS].index_select(2, columns_of(network))
    return {name: np.ascontiguousarray(given[name].numpy()) for name in takes(network)}


def content(network: Network, told: Mapping[str, Any]) -> bytes:
    """The ONNX file of a network.

    Parameters
    ----------
    told : its metadata; their ``outputs`` are the names of the probabilities
    """
    names = takes(network)
    with TemporaryDirectory() as folder, _exporting():
        torch.onnx.export(
            _Probabilities(exportable(network), names).eval(),
            tuple(_example(network, name) for name in names),
            raw := Path(folder) / "raw.onnx",
            dynamo=False,
            opset_version=OPSET,
            input_names=list(names),
            output_names=told["outputs"],
            dynamic_axes=_dynamic(names, told["outputs"]),
        )
        made = onnx.load_model(raw)
    onnx.helper.set_model_props(made, {key: json.dumps(value) for key, value in told.items()})
    onnx.checker.check_model(made, full_check=True)
    file: bytes = made.SerializeToString(deterministic=True)
    return file


def _example(network: Network, name: str) -> Tensor:
    """Two jets with three slots: any numbers of both will do in the file."""
    if name == VALID:
        return torch.tensor([[True, False, False], [True, True, False]])
    if name == TRACKS:
        return torch.zeros(2, 3, len(columns_of(network)))
    return torch.zeros(2, len(network.mean))


def _dynamic(inputs: Sequence[str], outputs: Sequence[str]) -> dict[str, dict[int, str]]:
    axes = {**{name: _AXES[name] for name in inputs}, **dict.fromkeys(outputs, ("jets",))}
    return {name: dict(enumerate(dims)) for name, dims in axes.items()}


# -- what the exporter sees ----------------------------------------------------------------------


class _Probabilities(nn.Module):
    """What the file computes: a vector of probabilities (jets,) for each class."""

    def __init__(self, network: Network, names: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.names = names

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Probabilities of jets whose inputs come in the order of the file."""
        given = dict(zip(self.names, inputs, strict=True))
        slots = {name: _with_a_slot(given[name]) for name in (TRACKS, VALID) if name in given}
        # Networks may take jets in parts where nothing is learned: the file takes them at once.
        with torch.enable_grad():
            logits: Tensor = self.network(*arguments(self.network, {**given, **slots}))
        return logits.softmax(1).unbind(1)


def _with_a_slot(padded: Tensor) -> Tensor:
    """The same (jets, tracks, ...), with an empty slot where there is none at all.

    Sums and maxima over nothing are what the libraries disagree about.
    """
    sizes: list[Any] = list(padded.shape)
    sizes[1] = (1 - torch._shape_as_tensor(padded)[1]).clamp(min=0)
    return torch.cat([padded, padded.new_zeros(sizes)], dim=1)


def exportable(network: Network) -> Network:
    """A copy that takes the track inputs it wants, in its order, and hides nothing."""
    copy = deepcopy(network)
    if TRACKS in takes(network):
        columns_of(copy).copy_(torch.arange(len(columns_of(copy))))
    for module in copy.modules():
        if isinstance(module, _BatchNorm) and not module.affine:
            _with_weights(module)
    return copy


def _with_weights(norm: _BatchNorm) -> None:
    """Weights that change nothing: the exporter looks at them for the number of channels."""
    if norm.running_mean is not None:
        norm.weight = nn.Parameter(torch.ones_like(norm.running_mean))
        norm.bias = nn.Parameter(torch.zeros_like(norm.running_mean))


# -- what the exporter is told --------------------------------------------------------------------


@contextmanager
def _exporting() -> Iterator[None]:
    """What the exporter needs to hear, and what we need not."""
    with ExitStack() as stack, warnings.catch_warnings():
        # The exporter that needs no further package and makes one file is called the old one.
        warnings.simplefilter("ignore", DeprecationWarning)
        for name, ours in (("aten::index_add", _index_add), ("aten::index_copy", _index_copy)):
            # Not in the list of what torch.onnx exports, but documented with it.
            torch.onnx.register_custom_op_symbolic(name, ours, OPSET)  # type: ignore[attr-defined]
            stack.callback(torch.onnx.unregister_custom_op_symbolic, name, OPSET)  # type: ignore[attr-defined]
        yield


def _index_add(graph: Any, into: Any, dim: Any, index: Any, values: Any, alpha: Any = None) -> Any:  # noqa: ARG001 - the interface of the exporter
    """Rows added up in order; the exporter's own keeps one of those that go to the same place."""
    return _scattered(graph, into, index, values, reduction_s="add")


def _index_copy(graph: Any, into: Any, dim: Any, index: Any, values: Any) -> Any:  # noqa: ARG001 - the interface of the exporter
    """Rows in their places; the exporter's own sends each number by itself, which takes longer."""
    return _scattered(graph, into, index, values)


def _scattered(graph: Any, into: Any, index: Any, values: Any, **how: str) -> Any:
    """Rows along the first dimension: along another one, the check would find other numbers."""
    last = graph.op("Constant", value_t=torch.tensor([1]))
    return graph.op("ScatterND", into, graph.op("Unsqueeze", index, last), values, **how)
