"""What can be worked out from a finished run: certificates, cost, its model as a file."""
