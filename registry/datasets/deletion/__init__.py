"""Deleting sealed data for good: asked with a reason, done by an operation, proven by a signed statement.

    ask ─▶ (a second person, for sensitive data) ─▶ begun: nobody reads it ─▶ bytes, then rows ─▶ statement, tombstone

There is no undo. What stays is the version's row: its number, hash and size, so that lineage and “who has seen” answer.
"""
