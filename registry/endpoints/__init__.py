"""Endpoints: models that answer, and the gateway to them."""
