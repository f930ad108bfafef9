"""How a server turns clients' replies into the next global state."""
