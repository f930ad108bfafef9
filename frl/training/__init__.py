"""Local training: masks, scores and weights, and what keeps it the same everywhere."""
