"""The Flower ClientApp: one message in, one update out, on every engine."""

from experiments.setup.client import app

__all__ = ["app"]
