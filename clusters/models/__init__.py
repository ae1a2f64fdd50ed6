"""Clusters, placements, workloads and their logs."""

from clusters.models.cluster import Cluster, Placement
from clusters.models.workload import Workload, WorkloadLog

__all__ = ["Cluster", "Placement", "Workload", "WorkloadLog"]
