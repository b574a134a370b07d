"""The built-in plugins: one vertical slice each, loaded by the same door as anyone else's."""
