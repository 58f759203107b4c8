"""A small tagger as an hls4ml project for an FPGA, its C++ emulation compared with torch."""

from __future__ import annotations

import ctypes
import importlib
import io
import math
import re
import shutil
import subprocess
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import redirect_stdout
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ftag_prune.errors import FtagPruneError, nearest
from ftag_prune.model import Model
from ftag_prune.networks import MlpNetwork
from ftag_prune.record import atomic_folder, provenance, write_json
from ftag_prune.tensors import load, unshuffled

__all__ = ["FirmwareReport", "to_firmware"]

_PROJECT = "tagger"

_JETS = 10_000  # at most, in the comparison

# So many standard deviations on either side of its mean an input has room for.
_ROOM = 8.0

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}

_FIXED = re.compile(
    r"ap_fixed<(\d+),(\d+)"
    r"(?:,AP_(?:RND(?:_ZERO|_MIN_INF|_INF|_CONV)?|TRN(?:_ZERO)?)"
    r"(?:,AP_(?:SAT(?:_ZERO|_SYM)?|WRAP(?:_SM)?))?)?>"
)

_Floats = npt.NDArray[np.float64]


class FirmwareReport(NamedTuple):
    """The project, and how far its emulation is from torch.

    Attributes
    ----------
    precision : type of inputs, activations and logits
    reuse : of each layer, from input to output; hls4ml takes the nearest that the layer allows
    jets : in the comparison
    real : whether they come from a prepared file
    largest, usual : largest difference of a probability, and what 99.9 % of the jets stay within
    agreement : share of the jets whose most probable class is the same
    clipped : share of the inputs that do not fit into the type and were sent at its end
    """

    folder: Path
    precision: str
    reuse: tuple[int, ...]
    jets: int
    real: bool
    largest: float
    usual: float
    agreement: float
    clipped: float


class _Fixed(NamedTuple):
    """A fixed-point type: bits, and how many of them stand before the point, sign included."""

    name: str
    bits: int
    integer: int

    @property
    def limit(self) -> float:
        """Numbers lie from minus this to this, which is not included."""
        return 2.0 ** (self.integer - 1)

    @property
    def step(self) -> float:
        """Distance of two numbers."""
        return 2.0 ** (self.integer - self.bits)

    def constants(self, values: Tensor) -> str:
        """Type of constants: rounded, and with the integer bits that they need beyond ours."""
        _, exponent = math.frexp(float(values.abs().max()))
        more = max(0, exponent + 1 - self.integer)
        return f"ap_fixed<{self.bits + more},{self.integer + more},AP_RND,AP_SAT>"

    def clipped(self, values: _Floats) -> _Floats:
        """Nearest numbers that are in range."""
        return np.clip(values, -self.limit, self.limit - self.step)


class _Tagger(NamedTuple):
    """What the firmware computes, and what it wants to be sent.

    Attributes
    ----------
    shifts : (inputs,), powers of two that the inputs are divided by
    missing : (inputs,), what is sent for an input that is not there: its mean
    """

    layers: nn.Sequential
    shifts: npt.NDArray[np.int64]
    missing: _Floats


def to_firmware(
    model: Model,
    out: Path,
    *,
    jets: Path | None = None,
    precision: str = "ap_fixed<16,6>",
    reuse: int = 1,
    part: str = "xcvu13p-flga2577-2-e",
) -> FirmwareReport:
    """Write a perceptron as an hls4ml project (Vitis HLS), after its emulation was compared.

    The normalisation is folded into the first layer: with x the input, sent as ``u = x / 2^shift``,
    ``W' = W 2^shift / std`` and ``b' = b - W mean / std``. The power of two next above std keeps W'
    within a factor of two of W, so that inputs of all units fit into one type, and dividing by it
    is wiring. Where an input is missing (or infinite) the sender puts its mean; what lies outside
    the range is sent at its end. ``interface.json`` in the project names the inputs in their order,
    their shifts and means.

    The project gives logits (classes,), not probabilities: the most probable class is the same, a
    discriminant needs no more, and hls4ml's softmax by tables of 1024 entries was off by 0.2 in a
    probability of our simulated jets where the logits were off by 0.02.

    Weights are rounded to the type, which costs nothing. Biases, which the folding makes large, get
    the integer bits they need, and accumulators are as wide as their sums. The tables of tanh end
    at -4 and 4, where it is off by 7e-4.

    Parameters
    ----------
    out : a folder that is not there yet; it appears whole or not at all
    jets : a prepared file, of which the first 10,000 jets are compared; random ones if not given
    precision : ``ap_fixed<bits,integer bits>`` of inputs, activations and logits, 2 to 48 bits.
        Without ``,AP_RND,AP_SAT`` activations are cut off, and wrap around where they do not fit
    reuse : how many products one multiplier makes; 1 is quickest and largest
    part : FPGA the project is for

    Raises
    ------
    FtagPruneError
        If hls4ml or g++ is missing, if the network is no perceptron with relu or tanh, or if one of
        its weights does not fit into the type. No folder is written.
    """
    fixed = _fixed(precision)
    network = _perceptron(model)
    if reuse < 1:
        raise FtagPruneError(f"a reuse of {reuse} is asked for; wanted at least 1")
    if out.exists():
        raise FtagPruneError(f"{out}: is there already; wanted the name of a new folder")
    hls4ml = _hls4ml()
    tagger = _folded(network, fixed)
    x = _random(network) if jets is None else _real(jets, model.about.inputs)
    with atomic_folder(out.resolve()) as folder:
        used = _write(hls4ml, tagger, fixed, folder, reuse=reuse, part=part)
        sent, clipped = _sent(tagger, fixed, x)
        logits = _emulated(folder, sent, classes=network.classes)
        compared = _compared(network, x, logits)
        report = FirmwareReport(
            out, fixed.name, used, len(x), jets is not None, *compared, clipped=clipped
        )
        write_json(folder / "interface.json", _interface(model, tagger, fixed, report))
        _described_at(folder, out)
    return report


# -- what can be firmware ------------------------------------------------------------------------


def _fixed(precision: str) -> _Fixed:
    name = precision.replace(" ", "")
    found = _FIXED.fullmatch(name)
    bits, integer = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= integer <= bits or not 2 <= bits <= 48:
        raise FtagPruneError(
            f"precision '{precision}': wanted ap_fixed<bits,integer bits>, at most 48 bits, "
            "such as ap_fixed<16,6> or ap_fixed<16,6,AP_RND,AP_SAT>"
        )
    return _Fixed(name, bits, integer)


def _perceptron(model: Model) -> MlpNetwork:
    network = model.network
    if not isinstance(network, MlpNetwork):
        raise FtagPruneError(
            f"a network of kind '{network.architecture.kind}' cannot become firmware; wanted 'mlp'"
        )
    if network.architecture.norm != "none" or network.architecture.skips:
        raise FtagPruneError(
            "a perceptron with norms or residual links cannot become firmware; wanted norm 'none' "
            "and residual false"
        )
    activation = network.architecture.activation
    if activation not in _ACTIVATIONS:
        raise FtagPruneError(
            f"hls4ml has no activation '{activation}'{nearest(activation, _ACTIVATIONS)}"
        )
    return network


def _hls4ml() -> Any:
    """The package; FtagPruneError if it or the compiler of its emulation is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = importlib.import_module("hls4ml")
    except ModuleNotFoundError:
        raise FtagPruneError(
            "firmware needs the package 'hls4ml', which is not installed: "
            "pip install 'ftag_prune[fpga]'"
        ) from None
    if shutil.which("g++") is None:
        raise FtagPruneError(
            "firmware needs the compiler 'g++' for its emulation, which is not installed"
        )
    return module


# -- the network in fixed point ------------------------------------------------------------------


def _folded(network: MlpNetwork, fixed: _Fixed) -> _Tagger:
    """Layers with the normalisation inside; FtagPruneError if a weight does not fit."""
    mean, std = network.mean.double(), network.std.double()
    room = torch.maximum(std, (mean.abs() + _ROOM * std) / fixed.limit)
    shifts = torch.ceil(torch.log2(room))
    first, *others = (one for one in network.linear if isinstance(one, nn.Linear))
    weight, bias = first.weight.double(), first.bias.double()
    folded = _linear(weight * 2**shifts / std, bias - weight @ (mean / std))
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for index, linear in enumerate((folded, *map(_copied, others)), start=1):
        _fits(linear, fixed, where=f"layer {index}")
        layers[f"layer{index}"] = linear
        if index <= len(others):
            layers[f"act{index}"] = _ACTIVATIONS[network.architecture.activation]()
    missing = (mean / 2**shifts).numpy()
    return _Tagger(
        nn.Sequential(layers).eval().requires_grad_(requires_grad=False),
        shifts.long().numpy(),
        missing,
    )


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    # On no device: the usual one would draw random weights first.
    made = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    state = {"weight": weight.detach().float(), "bias": bias.detach().float()}
    made.load_state_dict({name: one.clone() for name, one in state.items()}, assign=True)
    return made


def _copied(linear: nn.Linear) -> nn.Linear:
    return _linear(linear.weight, linear.bias)


def _fits(linear: nn.Linear, fixed: _Fixed, *, where: str) -> None:
    largest = float(linear.weight.detach().abs().max())
    # Also where it is not a number.
    if not largest < fixed.limit:
        raise FtagPruneError(
            f"{where} has a weight of {largest:.3g}, which does not fit into {fixed.name} (below "
            f"{fixed.limit:g}); wanted more integer bits"
        )


def _sent(tagger: _Tagger, fixed: _Fixed, x: Tensor) -> tuple[_Floats, float]:
    """What the firmware is sent for jets x (jets, inputs), and the share that was clipped."""
    scaled = np.ldexp(x.double().numpy(), -tagger.shifts)
    scaled = np.where(np.isfinite(scaled), scaled, tagger.missing)
    sent = fixed.clipped(scaled)
    return np.ascontiguousarray(sent), float(np.mean(sent != scaled))


# -- the project ---------------------------------------------------------------------------------


def _write(
    hls4ml: Any, tagger: _Tagger, fixed: _Fixed, folder: Path, *, reuse: int, part: str
) -> tuple[int, ...]:
    """Write the project into `folder`; the reuse that each layer got."""
    # hls4ml prints as it goes, and its imports warn.
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = hls4ml.converters.convert_from_pytorch_model(
            tagger.layers,
            output_dir=str(folder),
            project_name=_PROJECT,
            backend="Vitis",
            part=part,
            io_type="io_parallel",
            hls_config=_config(hls4ml, tagger, fixed, reuse=reuse),
        )
        # Its description of the project would pickle the whole network.
        about = made.config.config
        about.pop("PytorchModel", None)
        about["InputShape"] = list(about["InputShape"])
        made.write()
    dense = (one for one in made.get_layers() if one.class_name == "Dense")
    return tuple(int(one.get_attr("reuse_factor")) for one in dense)


def _config(hls4ml: Any, tagger: _Tagger, fixed: _Fixed, *, reuse: int) -> dict[str, Any]:
    """What hls4ml proposes, with our types in place of its guesses."""
    config: dict[str, Any] = hls4ml.utils.config_from_pytorch_model(
        tagger.layers,
        (len(tagger.shifts),),
        granularity="name",
        default_precision=fixed.name,
        default_reuse_factor=reuse,
        backend="Vitis",
    )
    config["Model"]["Strategy"] = "Latency" if reuse == 1 else "Resource"
    for name, layer in config["LayerName"].items():
        types = layer["Precision"]
        types["result"] = fixed.name
        for constant, values in tagger.layers.state_dict().items():
            if constant.startswith(f"{name}."):
                types[constant.removeprefix(f"{name}.")] = fixed.constants(values)
        if "table" in types:
            types["table"] = fixed.constants(torch.ones(1))
            layer["TableSize"] = _entries(fixed)
    return config


def _entries(fixed: _Fixed) -> int:
    """Entries of a table from -4 to 4, about as fine as the type, within reason."""
    return int(np.clip(4 / fixed.step, 1024, 16384))


def _described_at(folder: Path, out: Path) -> None:
    """The project as of its last place; hls4ml wrote the first into its description."""
    described = folder / "hls4ml_config.yml"
    described.write_text(described.read_text().replace(str(folder), str(out.resolve())))


def _interface(
    model: Model, tagger: _Tagger, fixed: _Fixed, report: FirmwareReport
) -> dict[str, Any]:
    """What to send, what comes back, and what the comparison found, as JSON content."""
    rows = zip(model.about.inputs, tagger.shifts.tolist(), tagger.missing.tolist(), strict=True)
    return {
        "task": model.about.task,
        "precision": fixed.name,
        "input": "x / 2**shift, 'missing' where there is none, clipped to the range of the type",
        "inputs": [{"name": name, "shift": shift, "missing": mean} for name, shift, mean in rows],
        "output": "logits; their softmax are the probabilities of the classes",
        "classes": list(model.about.classes),
        "architecture": model.network.architecture.model_dump(mode="json"),
        "comparison": _told(report),
        "provenance": {**provenance(), "hls4ml": metadata.version("hls4ml")},
    }


def _told(report: FirmwareReport) -> Mapping[str, Any]:
    return {key: value for key, value in report._asdict().items() if key != "folder"}


# -- the comparison ------------------------------------------------------------------------------


def _real(jets: Path, inputs: tuple[str, ...]) -> Tensor:
    """First jets (jets, inputs) of a prepared file."""
    first = next(iter(unshuffled(load(jets, inputs=inputs), _JETS)), None)
    if first is None:
        raise FtagPruneError(f"{jets}: holds no jets to compare")
    return first.x


def _random(network: MlpNetwork) -> Tensor:
    """Jets (jets, inputs) like those of the training; one input in ten is missing."""
    rng = np.random.default_rng(0)
    scaled = rng.standard_normal((_JETS, len(network.mean)))
    scaled[rng.random(scaled.shape) < 0.1] = np.nan
    return (torch.from_numpy(scaled) * network.std + network.mean).float()


def _emulated(folder: Path, sent: _Floats, *, classes: int) -> _Floats:
    """Logits (jets, classes) of the project's C++, compiled here; nothing compiled stays."""
    done = subprocess.run(
        ["/bin/bash", "build_lib.sh"], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        reason = next(
            (one for one in done.stderr.splitlines() if "error:" in one), "no reason told"
        )
        raise FtagPruneError(f"g++ does not compile the project of hls4ml: {reason.strip()}")
    (library,) = (folder / "firmware").glob(f"{_PROJECT}-*.so")
    call = getattr(ctypes.CDLL(str(library)), f"{_PROJECT}_double")
    call.restype, call.argtypes = None, [ctypes.POINTER(ctypes.c_double)] * 2
    logits = np.empty((len(sent), classes))
    for jet, answer in zip(sent, logits, strict=True):
        call(*(row.ctypes.data_as(call.argtypes[0]) for row in (jet, answer)))
    # It reads its weights at the path it was compiled for, which is about to change.
    library.unlink()
    return logits


@torch.no_grad()
def _compared(network: MlpNetwork, x: Tensor, logits: _Floats) -> tuple[float, float, float]:
    """Largest and usual difference of a probability, and how often the class is the same."""
    wanted = network(x).double().softmax(1).numpy()
    found = torch.from_numpy(logits).softmax(1).numpy()
    gaps = np.max(np.abs(found - wanted), axis=1)
    same = np.mean(found.argmax(axis=1) == wanted.argmax(axis=1))
    return float(gaps.max()), float(np.quantile(gaps, 0.999)), float(same)
