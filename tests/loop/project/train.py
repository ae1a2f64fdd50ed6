"""A training program without packages: speaks MLflow's REST with the standard library, so that its environment is
empty and made in a moment. Writes numbered lines, logs metrics, and can log a small model."""

import argparse
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

SERVER = os.environ["MLFLOW_TRACKING_URI"]
RUN = os.environ["MLFLOW_RUN_ID"]
PATIENCE = 180.0  # seconds that a call is tried again while the server is away, as MLflow's own client does
V2 = "/api/2.0/mlflow"
MODEL = Path(__file__).parent / "model"


def call(method, path, body=None, content=None):
    """Send one request; tried again while nobody answers or the answer is 5xx."""
    data = content if content is not None else json.dumps(body).encode() if body is not None else None
    kind = "application/octet-stream" if content is not None else "application/json"
    deadline, pause = time.monotonic() + PATIENCE, 0.2
    while True:
        request = urllib.request.Request(
            SERVER + path,
            data,
            {"Authorization": f"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}", "Content-Type": kind},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            if error.code < 500 or time.monotonic() > deadline:
                sys.exit(f"{method} {path}: {error.code} {error.read().decode()[:300]}")
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() > deadline:
                sys.exit(f"{method} {path}: {error}")
        time.sleep(pause)
        pause = min(pause * 2, 2.0)


def log_metric(key, value, step=0):
    at = int(time.time() * 1000)
    call(
        "POST",
        f"{V2}/runs/log-metric",
        {"run_id": RUN, "key": key, "value": value, "timestamp": at, "step": step},
    )


def train(given):
    # One tag per execution: a second one would leave a second tag.
    call("POST", f"{V2}/runs/set-tag", {"run_id": RUN, "key": f"execution.{uuid.uuid4().hex}", "value": "1"})
    files = list(Path(given.data).glob("*.csv"))
    log_metric("rows", sum(len(path.read_text().splitlines()) - 1 for path in files))
    for number in range(1, given.lines + 1):
        print(f"line {number:04d} of {given.lines}", flush=True)
        log_metric("loss", given.alpha / number, number)
        time.sleep(given.seconds / given.lines)
    if given.log_model:
        log_model(argparse.Namespace(offset=given.alpha, broken=0))
    if given.exit_code:
        sys.exit(given.exit_code)


def log_model(given):
    run = call("GET", f"{V2}/runs/get?run_id={RUN}")["run"]["info"]
    made = call(
        "POST",
        f"{V2}/logged-models",
        {"experiment_id": run["experiment_id"], "name": "model", "source_run_id": RUN, "model_type": "tiny"},
    )["model"]["info"]
    folder = made["artifact_uri"].removeprefix("mlflow-artifacts:/").lstrip("/")
    for path in sorted(MODEL.rglob("*")):
        if not path.is_file() or "__pycache__" in path.parts:
            continue
        text = path.read_text()
        for name, value in {"RUN": RUN, "MODEL": made["model_id"], "OFFSET": str(given.offset)}.items():
            text = text.replace(f"@{name}@", value)
        if given.broken and path.name == "tiny_model.py":
            text = "raise RuntimeError('this model is broken on purpose')\n"
        address = f"/api/2.0/mlflow-artifacts/artifacts/{folder}/{path.relative_to(MODEL).as_posix()}"
        call("PUT", address, content=text.encode())
    call("PATCH", f"{V2}/logged-models/{made['model_id']}", {"model_id": made["model_id"], "status": 2})
    outputs = {"run_id": RUN, "models": [{"model_id": made["model_id"], "step": 0}]}
    call("POST", f"{V2}/runs/outputs", outputs)
    log_metric("accuracy", 0.9)
    print(f"logged {made['model_id']}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    training = commands.add_parser("train")
    training.add_argument("--data")
    training.add_argument("--lines", type=int)
    training.add_argument("--seconds", type=float)
    training.add_argument("--exit-code", type=int)
    training.add_argument("--alpha", type=float)
    training.add_argument("--log-model", type=int)
    training.set_defaults(run=train)
    model = commands.add_parser("model")
    model.add_argument("--offset", type=float)
    model.add_argument("--broken", type=int)
    model.set_defaults(run=log_model)
    given = parser.parse_args()
    given.run(given)


main()
