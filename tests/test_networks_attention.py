"""Attention: the textbook's numbers, no attention to padding, heads that can be cut out."""

import pytest
import torch
from onnxruntime import InferenceSession
from torch import nn

from ftag_prune.errors import ConfigError
from ftag_prune.networks.attention import Attention
from ftag_prune.networks.layer import Axis

JETS, TRACKS, EMBEDDING, HEADS = 6, 7, 8, 4


@pytest.fixture(autouse=True)
def _one_seed():
    torch.manual_seed(3)


def some_valid():
    valid = torch.rand(JETS, TRACKS) < 0.6
    valid[:, 2] = True
    return valid


def test_equals_torch_with_the_same_weights():
    ours = Attention(EMBEDDING, HEADS)
    theirs = nn.MultiheadAttention(EMBEDDING, HEADS, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.projection.weight)
        theirs.in_proj_bias.copy_(ours.projection.bias.normal_())
        theirs.out_proj.weight.copy_(ours.output.weight)
        theirs.out_proj.bias.copy_(ours.output.bias.normal_())
    x, valid = torch.randn(JETS, TRACKS, EMBEDDING), some_valid()
    expected, _ = theirs(x, x, x, key_padding_mask=~valid)
    torch.testing.assert_close(ours(x, valid)[valid], expected[valid], atol=1e-6, rtol=0)
    torch.testing.assert_close(ours(x, None), theirs(x, x, x)[0], atol=1e-6, rtol=0)


def test_all_valid_is_the_same_as_none():
    attention, x = Attention(EMBEDDING, HEADS, head_dim=3), torch.randn(JETS, TRACKS, EMBEDDING)
    valid = torch.ones(JETS, TRACKS, dtype=torch.bool)
    torch.testing.assert_close(attention(x, valid), attention(x))


def test_tracks_in_another_order_give_the_same_in_that_order():
    attention, order = Attention(EMBEDDING, HEADS, head_dim=3), torch.randperm(TRACKS)
    x, valid = torch.randn(JETS, TRACKS, EMBEDDING), some_valid()
    turned = attention(x[:, order], valid[:, order])
    torch.testing.assert_close(turned, attention(x, valid)[:, order], atol=1e-6, rtol=0)


@pytest.mark.parametrize("junk", [1e4, torch.nan, torch.inf])
def test_padding_changes_nothing_whatever_it_holds(junk):
    attention = Attention(EMBEDDING, HEADS)
    x, valid = torch.randn(JETS, TRACKS, EMBEDDING), some_valid()
    dirty = x.masked_fill(~valid[..., None], junk)
    out = attention(dirty, valid)
    assert torch.equal(out[valid], attention(x, valid)[valid])
    assert out.isfinite().all()


def test_the_number_of_padded_slots_changes_nothing():
    attention = Attention(EMBEDDING, HEADS)
    x, valid = torch.randn(JETS, TRACKS, EMBEDDING), some_valid()
    longer = torch.cat([x, torch.randn(JETS, 5, EMBEDDING)], dim=1)
    more = torch.cat([valid, torch.zeros(JETS, 5, dtype=torch.bool)], dim=1)
    out = attention(longer, more)[:, :TRACKS]
    torch.testing.assert_close(out[valid], attention(x, valid)[valid], atol=1e-6, rtol=0)


def test_a_jet_without_tracks_gets_the_bias_and_finite_gradients():
    attention = Attention(EMBEDDING, HEADS)
    x, valid = torch.randn(JETS, TRACKS, EMBEDDING, requires_grad=True), some_valid()
    valid[1] = False
    out = attention(x, valid)
    bias = attention.output.bias.expand(TRACKS, EMBEDDING)
    torch.testing.assert_close(out[1], bias, atol=1e-7, rtol=0)
    out.square().sum().backward()
    gradients = [x.grad, *(one.grad for one in attention.parameters())]
    assert all(one.isfinite().all() for one in gradients)
    assert (x.grad[1] == 0).all()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_jet_without_tracks_is_finite_in_onnx_too(tmp_path):
    attention, file = Attention(EMBEDDING, HEADS, head_dim=3).eval(), tmp_path / "one.onnx"
    x, valid = torch.randn(JETS, TRACKS, EMBEDDING), some_valid()
    valid[1] = False
    torch.onnx.export(
        attention, (x, valid), file, input_names=["x", "valid"], dynamo=False, opset_version=17
    )
    (out,) = InferenceSession(file).run(None, {"x": x.numpy(), "valid": valid.numpy()})
    torch.testing.assert_close(torch.tensor(out), attention(x, valid), atol=1e-5, rtol=0)


def test_cutting_a_head_equals_closing_its_gate():
    attention, kept = Attention(EMBEDDING, HEADS, head_dim=3), [0, 3]
    small = Attention(EMBEDDING, len(kept), head_dim=3)
    rows = torch.arange(3 * HEADS * 3).view(3, HEADS, 3)[:, kept].flatten()
    columns = torch.arange(HEADS * 3).view(HEADS, 3)[kept].flatten()
    weights = attention.state_dict()
    small.load_state_dict(
        {
            "projection.weight": weights["projection.weight"][rows],
            "projection.bias": weights["projection.bias"][rows],
            "output.weight": weights["output.weight"][:, columns],
            "output.bias": weights["output.bias"],
        }
    )
    gates = torch.tensor([1.0, 0, 0, 1]).repeat_interleave(3)
    with torch.no_grad():
        attention.output.weight *= gates
    x, valid = torch.randn(JETS, TRACKS, EMBEDDING), some_valid()
    torch.testing.assert_close(small(x, valid), attention(x, valid), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("name", "start"), [("blocks.1.attention", "blocks.1.attention."), ("", "")]
)
def test_its_heads_are_nodes(name, start):
    attention = Attention(EMBEDDING, HEADS, head_dim=3)
    layer = attention.layer(name)
    assert layer.nodes == HEADS
    assert layer.name == (name or "heads")
    assert layer.made == (
        Axis(f"{start}projection.weight", 0, outer=3, inner=3),
        Axis(f"{start}projection.bias", 0, outer=3, inner=3),
    )
    assert layer.used == (Axis(f"{start}output.weight", 1, inner=3),)
    tensors = dict(attention.named_parameters(prefix=name))
    for axis in (*layer.made, *layer.used):
        assert tensors[axis.tensor].shape[axis.dim] == axis.outer * HEADS * axis.inner


def test_heads_that_do_not_divide_the_embedding_need_a_width():
    with pytest.raises(ConfigError, match="3 heads do not divide an embedding of 8: give a head"):
        Attention(EMBEDDING, 3)
    assert Attention(EMBEDDING, 3, head_dim=5).output.in_features == 15
