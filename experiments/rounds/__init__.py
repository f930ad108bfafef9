"""The loop over rounds, and what is measured in each."""
