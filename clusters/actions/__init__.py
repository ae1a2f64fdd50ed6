"""What upper floors do with clusters."""

from clusters.actions.placements import local_cluster, place
from clusters.actions.workloads import (
    Owner,
    find_workload,
    restart_workload,
    start_workload,
    stop_workload,
    wake_agent,
    workload_log,
)

__all__ = [
    "Owner",
    "find_workload",
    "local_cluster",
    "place",
    "restart_workload",
    "start_workload",
    "stop_workload",
    "wake_agent",
    "workload_log",
]
