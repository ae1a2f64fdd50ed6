"""Reading the audit log: searches, histories, who has seen what."""
