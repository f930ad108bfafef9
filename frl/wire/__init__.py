from frl.registry import Registry
from frl.wire.base import Base, Coding, Update
from frl.wire.errors import WireError

codings: Registry[Coding] = Registry("coding", __name__)
register = codings.register
