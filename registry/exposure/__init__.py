"""Who has seen a dataset version, and everything that was made from it: lineage, and the audit log over it."""
