"""What this floor wants done regularly."""

SCHEDULE = {
    "forget_ended_sessions": {"task": "accounts.forget_ended_sessions", "schedule": 900.0},
    # Rows are sealed within two seconds of their commit: a sweep that finds nothing costs one query.
    "seal_audit": {"task": "accounts.seal_audit", "schedule": 1.0, "options": {"expires": 5.0}},
    "verify_audit": {"task": "accounts.verify_audit", "schedule": 10.0, "options": {"expires": 60.0}},
    "audit_retention": {"task": "accounts.audit_retention", "schedule": 3600.0},
    # A rotation goes on in slices; one that could not run in its time is made good by the next.
    "advance_rotation": {"task": "accounts.advance_rotation", "schedule": 5.0, "options": {"expires": 5.0}},
    "tidy_keys": {"task": "accounts.tidy_keys", "schedule": 60.0, "options": {"expires": 60.0}},
}
