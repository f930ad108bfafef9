"""A run built from its configuration."""
