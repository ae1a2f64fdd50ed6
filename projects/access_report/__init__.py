"""Who could reach what in an account at two moments, and what changed between: rebuilt from the audit log alone."""
