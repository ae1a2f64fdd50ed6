"""The project's own pages: its people, tokens, account, record and work."""
