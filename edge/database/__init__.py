"""The recorder's SQLite database: schema, the writer thread, and all queries."""
