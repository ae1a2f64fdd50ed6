"""What this floor wants done regularly."""

SCHEDULE = {
    "forget_ended_sessions": {"task": "accounts.forget_ended_sessions", "schedule": 900.0},
}
