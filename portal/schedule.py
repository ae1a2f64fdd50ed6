"""What the portal floor wants done regularly."""

SCHEDULE = {
    # A canary that does not come back within its lifetime must not sing later: see `portal.liveness`.
    "canary": {"task": "portal.canary", "schedule": 10.0, "options": {"expires": 30.0}},
}
