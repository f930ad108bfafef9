"""Forward passes over examples, and what they draw."""
