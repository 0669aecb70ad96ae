"""Folds a fitted network into the graph's two parts: linear, clip, linear, ReLU, linear."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from scoring.training.encoding import NUMBERS
from scoring.training.graph import Front, stair, units_of
from scoring.training.heads import EnsembleHead
from scoring.training.network import Network


def fold(network: Network) -> tuple[Front, EnsembleHead]:
    """The same arithmetic in float64; a bin is one unit, 0 at its lower and 1 at its upper edge."""
    hidden, constant = _first_layer(network)
    units: list[tuple[str, float, float]] = []
    blocks: list[NDArray[np.float64]] = []
    for number, name in enumerate(NUMBERS):
        embedded, at_low = _embedding(network, number)
        place = number * network.shape.embedding
        of_embedding = hidden[place : place + network.shape.embedding]
        edges = _array(network.edges[number])
        units += [(name, 1 / width, -low / width) for low, width in zip(edges, np.diff(edges), strict=False)]
        blocks.append(embedded @ of_embedding)
        constant = constant + at_low @ of_embedding
    place = len(NUMBERS) * network.shape.embedding
    for name, codes in network.words.items():
        steps, of_steps = stair(name, codes, hidden[place : place + len(codes)])
        place += len(codes)
        units += steps
        blocks.append(of_steps.reshape(len(steps), hidden.shape[1]))
    return units_of(units), EnsembleHead(np.vstack(blocks), constant, *_output(network))


def _embedding(network: Network, number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(float64[bins, embedding]: what each full bin adds; float64[embedding]: the embedding of the lowest value)."""
    module = network.embeddings
    edges, straight, bent = _array(network.edges[number]), module.linear0, module.linear.weight[number]
    bins = len(edges) - 1
    # the package puts the last bin last, whatever the greatest number of bins
    places = [*range(bins - 1), len(bent) - 1]
    slope = _array(straight.weight[number])
    return np.diff(edges)[:, None] * slope + _array(bent)[places], edges[0] * slope + _array(straight.bias[number])


def _first_layer(network: Network) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(float64[inputs, k · width], float64[k · width]): the batch ensemble's s ∘ (W (r ∘ x)) + b by network."""
    layer = network.block.blocks[0][0]
    shared, before, after = _array(layer.weight).T, _array(layer.r), _array(layer.s)
    members = [r[:, None] * shared * s for r, s in zip(before, after, strict=True)]
    return np.hstack(members), _array(layer.bias).reshape(-1)


def _output(network: Network) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    weights, members = _array(network.output.weight)[:, :, 0], network.shape.ensemble
    out = np.zeros((weights.size, members))
    for member in range(members):
        out[member * network.shape.width : (member + 1) * network.shape.width, member] = weights[member]
    return out, _array(network.output.bias).reshape(-1)


def _array(values: Tensor) -> NDArray[np.float64]:
    array: NDArray[np.float64] = values.detach().double().numpy()
    return array
