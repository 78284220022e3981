"""imsdk: the chat SDK; a durable session over connections that come and go."""
