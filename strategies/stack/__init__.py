"""Arithmetic on a stack of updates, shape (n, d), without a second stack in memory.

Columns are worked off in blocks that fit a cache on a CPU and keep a GPU busy; what relates clients
to each other is reduced to an n x n matrix.
"""
