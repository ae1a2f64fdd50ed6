"""MLproject files: what a training project declares, and how one launch of it is spelled.

Pure: text in, values out. `parse_folder(path)` or `parse(text, read)` gives an `MLProject`; its `bind`
gives the command of one launch. The file format is MLflow's
(https://mlflow.org/docs/latest/ml/projects/), read more strictly: what MLflow would pass over or fail on
later is refused here with a sentence.
"""

from registry.mlproject.project import BoundEntry, EntryPoint, MLProject, Parameter, parse, parse_folder
from registry.mlproject.python_env import PythonEnv

__all__ = ["BoundEntry", "EntryPoint", "MLProject", "Parameter", "PythonEnv", "parse", "parse_folder"]
