"""Geometry of rankings and updates: boundaries of the mask, distances, consensus."""
