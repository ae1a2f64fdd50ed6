"""The stock MLflow client, in a process of its own that knows nothing but an address and a token."""

from tests.mlflow.conftest import Tenant

LOOP = """
import json, os, tempfile, pathlib
import numpy as np, mlflow
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression

mlflow.set_experiment("wafer-yield")
mlflow.sklearn.autolog(log_datasets=True)
rng = np.random.default_rng(7)
x = rng.normal(size=(200, 3)); y = (x[:, 0] + x[:, 1] > 0).astype(int)
with mlflow.start_run(run_name="first") as run:
    mlflow.log_params({"alpha": 0.4, "split": "blocks"})
    for step in range(20):
        mlflow.log_metrics({"loss": 1 / (step + 1), "acc": step / 20}, step=step)
    model = LogisticRegression(C=0.5).fit(x, y)
    info = mlflow.sklearn.log_model(
        model, name="classifier", input_example=x[:2], registered_model_name="yield"
    )
    mlflow.log_text("die,fails\\n1,0\\n", "tables/per die.csv")
    mlflow.set_tag("lot", "L-17")
client = MlflowClient()
client.set_registered_model_alias("yield", "champion", 1)
client.set_model_version_tag("yield", "1", "checked", "yes")
back = client.get_run(run.info.run_id)
loaded = mlflow.pyfunc.load_model("models:/yield@champion")
folder = tempfile.mkdtemp()
file = client.download_artifacts(run.info.run_id, "tables/per die.csv", folder)
filter_string = "params.alpha = '0.4'"
found = mlflow.search_runs(
    experiment_names=["wafer-yield"], filter_string=filter_string, output_format="list"
)
print(json.dumps({
    "run_id": run.info.run_id, "experiment_id": run.info.experiment_id, "status": back.info.status,
    "params": back.data.params, "metrics": back.data.metrics, "tags": sorted(back.data.tags),
    "history": len(client.get_metric_history(run.info.run_id, "loss")),
    "predicted": [int(v) for v in loaded.predict(x[:5])], "expected": [int(v) for v in model.predict(x[:5])],
    "file": pathlib.Path(file).read_text(), "found": [r.info.run_id for r in found],
    "artifacts": sorted(f.path for f in client.list_artifacts(run.info.run_id)),
    "model_id": info.model_id, "source": client.get_model_version("yield", "1").source,
    "versions": len(client.search_model_versions("name='yield'")),
}))
"""


def test_whole_loop_of_a_stock_client(a: Tenant) -> None:
    done = a.client(LOOP)
    assert done["status"] == "FINISHED"
    assert done["params"]["alpha"] == "0.4"
    assert done["params"]["C"] == "0.5"  # autologging's own
    assert done["metrics"]["acc"] == 0.95
    assert "training_accuracy_score" in done["metrics"]
    assert done["history"] == 20
    assert done["predicted"] == done["expected"]
    assert done["file"] == "die,fails\n1,0\n"
    assert done["found"] == [done["run_id"]]
    assert "tables" in done["artifacts"]
    assert done["versions"] == 1
    assert done["source"] == f"models:/{done['model_id']}"
