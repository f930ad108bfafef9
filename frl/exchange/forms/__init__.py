"""Forms: what a client sends of an update, and how that is coded."""

from frl.exchange.forms.ballots import Ballots
from frl.exchange.forms.base import Form
from frl.exchange.forms.bits import Bits
from frl.exchange.forms.block_samples import BlockSamples
from frl.exchange.forms.differences import Differences
from frl.exchange.forms.masked_noise import MaskedNoise
from frl.exchange.forms.signs import Signs
from frl.exchange.forms.top import Top
from frl.exchange.forms.whole import Whole

__all__ = [
    "Ballots",
    "Bits",
    "BlockSamples",
    "Differences",
    "Form",
    "MaskedNoise",
    "Signs",
    "Top",
    "Whole",
]
