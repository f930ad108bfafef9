"""The view: a local, read-only web page over run directories, and its pages as one file."""
