"""The personal pages: signing in and out, password, security, profile."""
