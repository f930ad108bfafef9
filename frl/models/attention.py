"""A block of self-attention, for sequences of vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AttentionBlock(nn.Module):
    """Attention and a network of two layers, each beside a shortcut and behind a norm.

    Vaswani et al., NeurIPS 2017; norms first, without learned factors.

    Parameters
    ----------
    width, heads : int
    causal : bool
        Whether a place sees only itself and those before it.
    """

    def __init__(self, width: int, heads: int, *, causal: bool = False) -> None:
        super().__init__()
        self.causal = causal
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False)
        self.attend = nn.MultiheadAttention(width, heads, bias=False, batch_first=True)
        self.norm2 = nn.LayerNorm(width, elementwise_affine=False)
        self.fc1 = nn.Linear(width, 2 * width, bias=False)
        self.fc2 = nn.Linear(2 * width, width, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return vectors of the same shape, (examples, places, width)."""
        hidden = self.norm1(inputs)
        mask = None
        if self.causal:
            length = inputs.shape[1]
            mask = torch.full((length, length), float("-inf"), device=inputs.device).triu(1)
        seen, _ = self.attend(hidden, hidden, hidden, attn_mask=mask, need_weights=False)
        inputs = inputs + seen
        outputs: Tensor = inputs + self.fc2(self.fc1(self.norm2(inputs)).relu())
        return outputs
