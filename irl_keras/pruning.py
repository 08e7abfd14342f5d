"""A narrower IRL-Net that starts from the channels of a trained wider one."""

import re
from collections.abc import Sequence

import keras
import numpy as np

from irl_keras.irl_net import irl_net
from irl_keras.trace_net import TRACE_FILTERS, TRACE_LAYERS

_JOINED = "decoder_conv1/kernel"
"""Uses the Encoder's channels, and after them those of the traces."""
_FIXED = "fixed"
"""Channels that every width has: the picture's, the first convolutions', the map's."""


def narrow(
    model: keras.Model, width: float, attention: bool = True, traces: Sequence[str] = ()
) -> keras.Model:
    """Builds an IRL-Net of smaller width from the strongest channels of a trained one.

    A network pruned so needs fewer steps of fine-tuning than a new one of its size. A channel's
    strength is the norm of the weights that make it times the norm of those that use it. All
    blocks of a stage add to one stream, so they keep the same channels of it (structured pruning
    as in Li et al., 2017, https://arxiv.org/abs/1608.08710, with coupled layers).

    Args:
        model: Network of `irl_keras.irl_net`, with early fusion and SE blocks.
        width: Width of the new network, at most that of `model`.
        attention: Whether the new network keeps the attention block.
        traces: As in `irl_net`. A trace branch that `model` has none of is new, and so is what
            uses it; one that it has is taken over.

    Returns:
        A new `keras.Model`, not compiled; with the width and attention of `model`, its equal.

    Raises:
        ValueError: If the model has other parts than the new network, or fewer channels.

    Example:
    ```python
    model = irl_keras.pruning.narrow(
        irl_keras.from_preset("irl_small"), width=0.25, attention=False
    )
    ```
    """
    narrower = irl_net(width=width, attention=attention, traces=traces)
    wide = {v.path: keras.ops.convert_to_numpy(v) for v in model.weights}
    targets = {v.path: v for v in narrower.weights}
    for path in [path for path in targets if path.startswith(TRACE_LAYERS)]:
        branch = targets.pop(path)
        if path in wide:
            branch.assign(wide[path])
    traced = None
    if any(path.startswith(TRACE_LAYERS) for path in wide):
        wide[_JOINED], traced = np.split(wide[_JOINED], [-TRACE_FILTERS], axis=-2)
    missing = sorted(set(targets) - set(wide))
    if missing:
        raise ValueError(f"{model.name} has no {missing[0]}; narrow an early-fusion SE network")
    kernels = {path: _connection(path) for path in targets if path.endswith("kernel")}
    kept = _kept_channels(wide, targets, kernels)
    for path, (sources, made, shuffled) in kernels.items():
        into = _positions(sources, kept, wide, kernels)
        out = _shuffled(kept[made], wide[path].shape[-1]) if shuffled else kept[made]
        kernel = wide[path] if into is None else np.take(wide[path], into, axis=-2)
        kernel = kernel if out is None else np.take(kernel, out, axis=-1)
        rest = keras.ops.convert_to_numpy(targets[path])[..., kernel.shape[-2] :, :]
        if path == _JOINED and traced is not None and rest.size:
            rest = np.take(traced, out, axis=-1)
        targets[path].assign(np.concatenate([kernel, rest], axis=-2))
        bias = path.removesuffix("kernel") + "bias"
        if bias in targets:
            targets[bias].assign(wide[bias] if out is None else wide[bias][out])
    if attention:
        targets["attention/gain"].assign(wide["attention/gain"])
    return narrower


def _connection(path):
    """The channels that a kernel uses, those that it makes, and whether they are shuffled."""
    layer = path.removesuffix("/kernel")
    if match := re.fullmatch(r"encoder(\d+)_block(\d+)/(.*)", layer):
        filters, number, part = int(match[1]), int(match[2]), match[3]
        stream, block = f"stage{filters}", f"stage{filters}_block{number}"
        before = stream if number > 1 else f"stage{filters // 2}"
        sources = ("scale7x7", "scale5x5", "scale3x3") if before == "stage16" else (before,)
        return {
            "conv1": (sources, f"{block}_inner", False),
            "conv2": ((f"{block}_inner",), stream, False),
            "skip": (sources, stream, False),
            "se/squeeze": ((stream,), f"{block}_squeeze", False),
            "se/excite": ((f"{block}_squeeze",), stream, False),
        }[part]
    if layer.startswith("multi_scale/conv"):
        return (_FIXED,), "scale" + layer.removeprefix("multi_scale/conv"), False
    return {
        "bayar": ((_FIXED,), _FIXED, False),
        "rgb": ((_FIXED,), _FIXED, False),
        "decoder_conv1": (("stage256",), "conv1", False),
        "upscale_conv1": (("conv1",), "half1", True),
        "attention/query": (("stage128",), "query", False),
        "attention/key": (("half1",), "query", False),
        "attention/value": (("half1",), "half1", False),
        "decoder_conv2": (("half1",), "conv2", False),
        "upscale_conv2": (("conv2",), "half2", True),
        "decoder_conv3": (("half2",), "conv3", False),
        "upscale_conv3": (("conv3",), "half3", True),
        "decoder_conv4": (("half3",), "conv4", False),
        "logits": (("conv4",), _FIXED, False),
    }[layer]


def _kept_channels(wide, targets, kernels):
    """Positions of the strongest channels of each group; `None` for all of a fixed one."""
    made, used, counts = {}, {}, {}
    for path, (sources, group, shuffled) in kernels.items():
        squares = np.square(wide[path], dtype=float).reshape(-1, *wide[path].shape[-2:])
        outgoing = squares.sum(axis=(0, 1)).reshape(4 if shuffled else 1, -1).sum(axis=0)
        made[group] = made.get(group, 0) + outgoing
        counts[group] = targets[path].shape[-1] // (4 if shuffled else 1)
        incoming = np.array_split(squares.sum(axis=(0, 2)), len(sources))
        for source, value in zip(sources, incoming, strict=True):
            if source != _FIXED:
                used[source] = used.get(source, 0) + value
    kept = {_FIXED: None}
    for group in made:
        if group == _FIXED:
            continue
        strength = made[group] * used.get(group, 1)
        if counts[group] > len(strength):
            raise ValueError(f"{counts[group]} channels are wanted of {len(strength)}")
        kept[group] = np.sort(np.argsort(-strength, kind="stable")[: counts[group]])
    return kept


def _positions(sources, kept, wide, kernels):
    """Positions of the kept channels among the concatenated sources of a kernel."""
    if sources == (_FIXED,):
        return None
    channels = {made: wide[path].shape[-1] for path, (_, made, _) in kernels.items()}
    starts = np.cumsum([0, *(channels[source] for source in sources[:-1])])
    return np.concatenate([start + kept[s] for start, s in zip(starts, sources, strict=True)])


def _shuffled(kept, channels):
    """Positions before a pixel shuffle by 2 of the channels kept after it."""
    return np.concatenate([kept + quarter * (channels // 4) for quarter in range(4)])
