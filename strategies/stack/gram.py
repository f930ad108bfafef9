"""Inner products of all pairs of clients, from which distances, angles and spectra follow.

The n x n matrix is accumulated over column blocks in float64: the distance of two honest updates
is found as a difference of large numbers once somebody sends a far outlier, and float32 would lose
it (an outlier 10^6 times farther out leaves 4 digits in float64 and none in float32).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from strategies.stack.blocks import columns, layer_bounds


def gram(
    stack: Tensor,
    *,
    centred: bool = True,
    layers: tuple[int, ...] | None = None,
    layer_weights: tuple[float, ...] | None = None,
) -> Tensor:
    """Compute ``Y @ Y.T`` with ``Y`` the stack, by default less the mean of its rows.

    Parameters
    ----------
    stack : Tensor
        Shape (n, d), floats or integers.
    centred : bool
        Whether to subtract the mean row first. Distances are the same, and exact to more digits.
    layers, layer_weights : tuple
        Sizes of the layers and a factor for each: ``sum_l weight_l * Y_l @ Y_l.T``.

    Returns
    -------
    Tensor
        Shape (n, n), float64, symmetric, on the CPU.
    """
    sizes = (stack.shape[1],) if layers is None else layers
    weights = (1.0,) * len(sizes) if layer_weights is None else layer_weights
    total = torch.zeros(len(stack), len(stack), dtype=torch.float64, device=stack.device)
    for (start, stop), weight in zip(layer_bounds(sizes), weights, strict=True):
        part = torch.zeros_like(total)
        for block in columns(stack, start, stop, itemsize=8):
            values = stack[:, block].to(torch.float64)
            if centred:
                values = values - values.mean(dim=0)
            part.addmm_(values, values.T)
        total.add_(part, alpha=weight)
    product = total.cpu()
    return (product + product.T) / 2


def layer_grams(rows: Callable[[slice], Tensor], like: Tensor, layers: tuple[int, ...]) -> Tensor:
    """Compute ``Y @ Y.T`` of every layer by itself, for rows that are made block by block.

    Parameters
    ----------
    rows : callable
        Gives the columns of ``Y`` in a slice: shape (m, width), float64.
    like : Tensor
        Shape (n, d): the stack that the rows are made of.
    layers : tuple of int
        Sizes of the layers; they add up to d.

    Returns
    -------
    Tensor
        Shape (layers, m, m), float64, symmetric, on the CPU. Exact where all rows are integers and
        no sum passes 2**53.
    """
    products: list[Tensor] = []
    for start, stop in layer_bounds(layers):
        total: Tensor | None = None
        for block in columns(like, start, stop, itemsize=16):
            values = rows(block)
            part = values @ values.T
            total = part if total is None else total.add_(part)
        assert total is not None
        products.append(total)
    return torch.stack(products).cpu()


def squared_distances(product: Tensor) -> Tensor:
    """Turn a Gram matrix into squared Euclidean distances, shape (n, n), zeros on the diagonal."""
    norms = product.diagonal()
    distances = (norms[:, None] + norms[None, :] - 2 * product).clamp_(min=0)
    return distances.fill_diagonal_(0)


def cosines(product: Tensor) -> Tensor:
    """Turn an uncentred Gram matrix into cosines, shape (n, n); 0 where a row is 0."""
    norms = product.diagonal().clamp(min=0).sqrt()
    inverse = torch.where(norms > 0, 1 / norms, torch.zeros_like(norms))
    return (product * inverse[:, None] * inverse[None, :]).clamp_(-1, 1)


def spearman_weights(layers: tuple[int, ...]) -> tuple[float, ...]:
    """Weigh layers so that squared distances of rankings become their mean Spearman distance.

    In a layer of n edges two rankings are at most ``n (n² - 1) / 3`` apart. With these factors each
    layer contributes between 0 and ``1/len(layers)``, whatever its size.
    """
    return tuple(3 / max(1, n * (n**2 - 1)) / len(layers) for n in layers)
