"""What the projects floor wants done regularly (collected by `portal.celery`)."""

SCHEDULE = {
    # Finds what lost messages, lost workers and restarts have left behind.
    "operations": {"task": "projects.sweep_operations", "schedule": 5.0, "options": {"expires": 15.0}},
}
