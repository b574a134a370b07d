"""Where things are kept: the database (SQLite or PostgreSQL), files, the bus, and the way out for mail."""
