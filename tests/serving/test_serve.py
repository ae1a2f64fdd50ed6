"""The program that serves a model, run as the agent runs it: another process and a Unix socket."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import mlflow
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

SERVE = Path(__file__).parents[2] / "registry" / "serving" / "serve.py"
CSV = {"dataframe_split": {"columns": ["a", "b"], "data": [[0.0, 1.0], [1.0, 0.0]]}}
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model of MLflow's, with signature and input example."""
    folder = tmp_path_factory.mktemp("model") / "model"
    frame = pd.DataFrame({"a": [0.0, 1.0, 0.0, 1.0], "b": [1.0, 0.0, 1.0, 0.0]})
    fitted = LogisticRegression().fit(frame, [0, 1, 0, 1])
    mlflow.sklearn.save_model(
        fitted, str(folder), input_example=frame.head(2), pip_requirements=["scikit-learn"]
    )
    return folder


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def run(model: Path | str, *options: str, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(SERVE), "--model", str(model), "--socket", str(tmp_path / "s"), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
            | variables,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_until_ready(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if line.startswith("stage: ready"):
            return lines
    raise AssertionError(process.stderr.read() if process.stderr else lines)


def refused(process: subprocess.Popen[str]) -> tuple[int, str]:
    _out, err = process.communicate(timeout=120)
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, err
    assert "Traceback" not in err
    return process.returncode, errors[0]


def test_a_model_is_served_until_it_is_told_to_stop(start: Start, model: Path, tmp_path: Path) -> None:
    leftover = socket.socket(socket.AF_UNIX)
    leftover.bind(str(tmp_path / "s"))
    leftover.close()
    process = start(model)
    assert wait_until_ready(process) == ["stage: load", "stage: check passed", "stage: ready"]
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=str(tmp_path / "s")), base_url="http://model"
    ) as client:
        assert [client.get(path).status_code for path in ("/ping", "/health", "/version")] == [200, 200, 200]
        answer = client.post("/invocations", json=CSV)
        assert answer.status_code == 200
        assert answer.json() == {"predictions": [0, 1]}
        wrong = client.post(
            "/invocations", json={"dataframe_split": {"columns": ["a", "c"], "data": [[1, 2]]}}
        )
        assert wrong.status_code == 400
        assert "missing inputs ['b']" in wrong.json()["message"]
        assert (
            client.post(
                "/invocations", content=b"no", headers={"content-type": "application/json"}
            ).status_code
            == 400
        )
        assert (
            client.post("/invocations", content=b"no", headers={"content-type": "image/png"}).status_code
            == 415
        )
        second = start(model)
        assert refused(second)[0] == 5, "a second server does not take the socket over"
        assert client.get("/ping").status_code == 200
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    assert not (tmp_path / "s").exists()


def test_a_model_that_does_not_load_says_why_in_one_line(start: Start, model: Path, tmp_path: Path) -> None:
    cases = {
        "its folder has no MLmodel file": lambda folder: (folder / "MLmodel").unlink(),
        "the model does not load": lambda folder: next(folder.glob("model.*")).write_bytes(b"broken"),
        "requirements lack a package": lambda folder: (folder / "MLmodel").write_text(
            (folder / "MLmodel")
            .read_text()
            .replace("loader_module: mlflow.sklearn", "loader_module: no_such_package")
        ),
    }
    processes = {}
    for number, (says, damage) in enumerate(cases.items()):
        folder = tmp_path / str(number)
        subprocess.run(["cp", "-r", str(model), str(folder)], check=True)
        damage(folder)
        processes[says] = start(folder)
    for says, process in processes.items():
        code, line = refused(process)
        assert (code, says in line) == (4, True), line
    assert not (tmp_path / "s").exists()


def test_a_model_that_is_not_there(start: Start, tmp_path: Path) -> None:
    code, line = refused(start(tmp_path / "absent"))
    assert (code, "no model folder" in line) == (3, True)


def test_a_server_that_does_not_answer(start: Start) -> None:
    process = start(
        "models:/absent/1",
        MLFLOW_TRACKING_URI="http://127.0.0.1:9",
        MLFLOW_TRACKING_TOKEN="mlp_secret-token",
        MLFLOW_HTTP_REQUEST_MAX_RETRIES="0",
    )
    code, line = refused(process)
    assert code == 3
    assert "could not be downloaded" in line
    assert "mlp_secret-token" not in line


def test_the_model_sees_no_credentials(start: Start, tmp_path: Path) -> None:
    """Code that travels with a model runs in this process: the token that fetched it is gone by then."""
    folder = tmp_path / "spy"
    code = tmp_path / "spying.py"
    code.write_text(
        "import os\nimport mlflow\n\n"
        "class Spy(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n"
        "        started_with = open('/proc/self/environ').read()\n"
        "        return [os.environ.get('MLFLOW_TRACKING_TOKEN', 'none'), str('mlp_' in started_with)]\n\n"
        "mlflow.models.set_model(Spy())\n"
    )
    mlflow.pyfunc.save_model(str(folder), python_model=str(code), pip_requirements=["mlflow-skinny"])
    process = start(folder, MLFLOW_TRACKING_TOKEN="mlp_secret-token")
    wait_until_ready(process)
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=str(tmp_path / "s")), base_url="http://model"
    ) as client:
        answer = client.post(
            "/invocations",
            content=json.dumps({"inputs": ["x"]}),
            headers={"content-type": "application/json"},
        )
    assert answer.json() == {"predictions": ["none", "False"]}
