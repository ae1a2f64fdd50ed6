"""Pages of the registry floor: parse, call an action, respond."""
