"""How an adversary gets between the server and its malicious clients."""
