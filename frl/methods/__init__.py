"""Methods: what clients train and send, one file each; a new file here is a new method.

>>> from frl import methods
>>> methods.make("frl").space
'ranks'
"""

from frl.methods.base import Draw, Method, Space, Training
from frl.registry import Registry

registry: Registry[Method] = Registry("method", __name__)
register = registry.register
list = registry.list
get = registry.get
parameters = registry.parameters
make = registry.make


def on(space: Space) -> tuple[str, ...]:
    """Names of the methods of a space."""
    return tuple(name for name in registry.list() if registry.make(name).space == space)


__all__ = [
    "Draw",
    "Method",
    "Space",
    "Training",
    "get",
    "list",
    "make",
    "on",
    "parameters",
    "register",
    "registry",
]
