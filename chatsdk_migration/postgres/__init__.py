"""Everything that talks to a PostgreSQL database: the target, and the embedded server."""
