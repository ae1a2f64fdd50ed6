"""Rows of the registry floor."""

from registry.models.blob import Blob
from registry.models.endpoint import Endpoint, Revision
from registry.models.training import TrainingJob, TrainingProject, TrainingSource

__all__ = ["Blob", "Endpoint", "Revision", "TrainingJob", "TrainingProject", "TrainingSource"]
