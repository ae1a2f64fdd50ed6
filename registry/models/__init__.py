"""Rows of the registry floor."""

from registry.models.blob import Blob

__all__ = ["Blob"]
