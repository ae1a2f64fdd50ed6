"""Fixtures of the tests of the three walls."""

from tests.walls.world import world

__all__ = ["world"]
