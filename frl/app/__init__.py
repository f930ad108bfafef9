"""The ClientApp of a script: an own network on own data."""
