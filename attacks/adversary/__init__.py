"""The adversary between a server and its malicious clients: in a grid, a mod or a client app."""
