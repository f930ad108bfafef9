"""Where masks and updates lie in space: boundaries, distances, consensus."""
