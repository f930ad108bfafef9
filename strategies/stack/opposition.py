"""What of a client's change opposes what the others agree on, from inner products alone."""

from __future__ import annotations

from torch import Tensor

from strategies.stack.agreement import ratio


def opposition(products: Tensor, agreed: Tensor) -> tuple[Tensor, Tensor]:
    """Find what of each change points against the mean of the others, layer by layer.

    Nobody takes back what the others agree on; what else a change says is left. The mean is weighed
    and does not contain the change that is compared with it.

    Parameters
    ----------
    products : Tensor
        Shape (layers, n, n): inner products of the changes.
    agreed : Tensor
        Shape (n,): what each counts in the mean.

    Returns
    -------
    tuple of Tensor
        Shape (layers, n, n): row i the factors of all changes that added to change i take out what
        opposes. Shape (n,), 0 to 1: its share of the squared length, mean of the layers.
    """
    others = agreed.expand(len(agreed), -1).clone().fill_diagonal_(0)
    along = (others * products).sum(dim=2)
    squares = ((others @ products) * others).sum(dim=2)
    lengths = products.diagonal(dim1=1, dim2=2)
    against = along.clamp(max=0)
    factors = ratio(against, squares)
    part = ratio(against.square(), squares * lengths).clamp(max=1)
    return -factors[:, :, None] * others, part.mean(dim=0)
