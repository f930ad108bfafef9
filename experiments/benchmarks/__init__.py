"""Measurements of speed and memory, each figure beside the one it is compared with."""
