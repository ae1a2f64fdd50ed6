"""Rows of the registry floor."""

from registry.models.blob import Blob
from registry.models.dataset import Dataset, DatasetFile, DatasetUpload, DatasetVersion, FileProfile
from registry.models.deletion import DatasetDeletion
from registry.models.endpoint import Endpoint, Revision
from registry.models.promotion import Promotion, ProtectedAlias
from registry.models.sensitivity import DatasetGrant
from registry.models.training import TrainingJob, TrainingProject, TrainingSource

__all__ = [
    "Blob",
    "Dataset",
    "DatasetDeletion",
    "DatasetFile",
    "DatasetGrant",
    "DatasetUpload",
    "DatasetVersion",
    "Endpoint",
    "FileProfile",
    "Promotion",
    "ProtectedAlias",
    "Revision",
    "TrainingJob",
    "TrainingProject",
    "TrainingSource",
]
