"""The auditors' monthly review of a log: what is worth a look, what was said of it, and the sign-off."""
