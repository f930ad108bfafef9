"""Engines: Flower grids that run virtual clients, in this process or on Ray."""

from frl.grids.forwarding import ForwardingGrid
from frl.grids.guarded import GuardedGrid
from frl.grids.in_process import InProcessGrid
from frl.grids.local import FIRST_NODE, LocalGrid
from frl.grids.ray_grid import RayGrid
from frl.grids.roster import Roster, find_roster, innermost

__all__ = [
    "FIRST_NODE",
    "ForwardingGrid",
    "GuardedGrid",
    "InProcessGrid",
    "LocalGrid",
    "RayGrid",
    "Roster",
    "find_roster",
    "innermost",
]
