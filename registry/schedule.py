"""What this floor wants done regularly. The clock forgets everything at a restart: no interval is longer than the
portal may be expected to run without one.
"""

SCHEDULE = {
    "reconcile_runs": {"task": "registry.reconcile_runs", "schedule": 5.0, "options": {"expires": 20.0}},
    "end_dataset_grants": {
        "task": "registry.end_dataset_grants",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "expire_uploads": {"task": "registry.expire_uploads", "schedule": 3600.0, "options": {"expires": 1800.0}},
    "sweep_blobs": {"task": "registry.sweep_blobs", "schedule": 6 * 3600.0, "options": {"expires": 3600.0}},
}
