"""What travels between server and clients: messages, and what is sent of a state or an update."""
