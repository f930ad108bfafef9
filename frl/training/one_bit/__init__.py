"""Training of clients that send one bit an edge."""
