"""Speed and size, each module a benchmark with ``rows()`` and a command line."""
