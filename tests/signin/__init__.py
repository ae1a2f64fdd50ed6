"""Signing in, staying signed in, and proving it again."""
