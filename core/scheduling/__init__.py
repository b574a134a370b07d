"""When people meet: times, availability, matching. Pure functions with an injected clock."""
