"""Runs read as they grow: each file once, and only what was added to it."""
