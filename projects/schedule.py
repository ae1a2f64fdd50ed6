"""What this floor wants done regularly."""

SCHEDULE = {
    "sweep_operations": {
        "task": "projects.sweep_operations",
        "schedule": 2.0,
        # A sweep that could not run in its time is made good by the next one.
        "options": {"expires": 10.0},
    },
    # What is sealed leaves within seconds; where everybody has everything, a sweep costs five short queries.
    "sweep_forwards": {"task": "projects.sweep_forwards", "schedule": 1.0, "options": {"expires": 5.0}},
    "remind_of_reviews": {
        "task": "projects.remind_of_reviews",
        "schedule": 600.0,
        "options": {"expires": 600.0},
    },
    "announce_requests": {"task": "projects.announce_requests", "schedule": 60.0},
    "expire_links": {"task": "projects.expire_links", "schedule": 60.0},
    "destroy_previous_secrets": {"task": "projects.destroy_previous_secrets", "schedule": 300.0},
    "sweep_access": {"task": "projects.sweep_access", "schedule": 30.0, "options": {"expires": 60.0}},
    # The clock forgets its past when it is started anew: a portal that is started every day must come to this too.
    "audit_partitions": {"task": "projects.ensure_audit_partitions", "schedule": 3600.0},
}
