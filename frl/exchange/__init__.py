"""The exchange between server and clients: messages, forms of updates, and the channel."""
