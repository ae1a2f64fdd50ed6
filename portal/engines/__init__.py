"""PostgreSQL and Redis as child processes, for one machine without servers of its own.

The same engines as in production, on Unix sockets in a private folder; only their addresses differ.
"""
