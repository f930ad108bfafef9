"""Codings of updates and states, one a file; a new file here is a new coding.

>>> from frl.wire import codings
>>> codings.list()
('ballot', 'bernoulli', 'delta', 'fixed', 'float32', 'klms', 'mask',
'masked-noise', 'multiples', 'palette', 'signs', 'sparse', 'sparse-delta', 'topk')
"""

from frl.registry import Registry
from frl.wire.coding import Coding

registry: Registry[Coding] = Registry("coding", __name__)
register = registry.register
list = registry.list
get = registry.get
parameters = registry.parameters
make = registry.make

__all__ = ["get", "list", "make", "parameters", "register", "registry"]
