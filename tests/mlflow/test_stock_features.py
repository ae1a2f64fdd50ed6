"""Corners of the stock client: no experiment chosen, traces, evaluation datasets, a workspace of one's own
choosing.
"""

from tests.mlflow.conftest import Tenant

NO_EXPERIMENT = """
import json, mlflow
with mlflow.start_run() as run:
    mlflow.log_param("a", 1)
experiment = mlflow.get_experiment(run.info.experiment_id)
print(json.dumps({"experiment": experiment.experiment_id, "name": experiment.name}))
"""

TRACES = """
import json, time, mlflow
mlflow.set_experiment("traced")

@mlflow.trace
def inspect(wafer):
    with mlflow.start_span("die") as span:
        span.set_attribute("row", 3)
    return wafer * 2

inspect(21)
mlflow.flush_trace_async_logging()
experiment = mlflow.get_experiment_by_name("traced").experiment_id
for _attempt in range(20):
    found = mlflow.search_traces(locations=[experiment], return_type="list")
    if found:
        break
    time.sleep(0.5)
trace = mlflow.get_trace(found[0].info.trace_id)
mlflow.set_trace_tag(trace.info.trace_id, "reviewed", "yes")
spans = [span.name for span in trace.data.spans]
print(json.dumps({"spans": spans, "response": trace.data.response, "n": len(found)}))
"""

DATASETS = """
import json, mlflow
from mlflow.genai.datasets import create_dataset, search_datasets
experiment = mlflow.set_experiment("evaluated").experiment_id
dataset = create_dataset(name="golden", experiment_id=experiment)
dataset.merge_records([{"inputs": {"lot": "L-1"}, "expectations": {"yield": 0.9}}])
found = [dataset.name for dataset in search_datasets(experiment_ids=[experiment])]
print(json.dumps({"found": found, "rows": len(dataset.to_df())}))
"""

OTHER_WORKSPACE = """
import json, mlflow
experiment = mlflow.set_experiment("claimed")
print(json.dumps({"location": experiment.artifact_location}))
"""


def test_a_client_that_chose_no_experiment(a: Tenant, b: Tenant) -> None:
    first, second = a.client(NO_EXPERIMENT), b.client(NO_EXPERIMENT)
    assert first["name"] == second["name"] == "Default"
    assert first["experiment"] != second["experiment"] != "0"


def test_traces(a: Tenant) -> None:
    done = a.client(TRACES)
    assert done == {"spans": ["inspect", "die"], "response": "42", "n": 1}


def test_evaluation_datasets(a: Tenant) -> None:
    done = a.client(DATASETS)
    assert done["found"] == ["golden"]
    assert done["rows"] == 1


def test_a_claimed_workspace_is_ignored(a: Tenant, b: Tenant) -> None:
    from registry.mlflow.workspaces import workspace_of

    done = b.client(OTHER_WORKSPACE, MLFLOW_WORKSPACE=workspace_of(a.account))
    assert f"/workspaces/{workspace_of(b.account)}/" in done["location"]
