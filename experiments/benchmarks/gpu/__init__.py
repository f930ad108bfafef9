"""All that a GPU is asked for, in one command and a limited time: ``make gpu``."""
