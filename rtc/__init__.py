"""The media plane: HiLink's own SFU node, the room server's client for it, and server-side participants."""
