"""What can go wrong with an engine, in one line a person can act on."""


class EngineError(Exception):
    """An embedded engine could not be made, started or stopped; the text is one line."""
