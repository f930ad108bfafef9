"""Analyses of a finished run: certificates, the cost of messages, its model as a file."""
