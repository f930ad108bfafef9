"""Federated rank learning: clients rank the edges of a fixed random network, a server votes."""
