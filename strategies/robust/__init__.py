"""A gate and a robust rule around any of Flower's strategies that move a state by an average."""
