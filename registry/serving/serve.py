"""Serve one MLflow model on a Unix socket. Runs inside a workload's own environment: standard library and
MLflow only.

    python serve.py --model MODEL --socket /path/to.sock [--download-to FOLDER]

MODEL is a folder on this machine, or any URI that MLflow resolves (`models:/name/3`, `runs:/…/model`),
fetched with MLFLOW_TRACKING_URI and MLFLOW_TRACKING_TOKEN from the environment. Speaks MLflow's own
protocol: GET /ping, /health and /version, POST /invocations. Progress goes to standard output as `stage:
NAME` lines (download, load, check, ready); what went wrong goes to standard error as one `error: …` line,
with one of these exit codes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

USAGE, NO_DOWNLOAD, NO_LOAD, NO_SOCKET = 2, 3, 4, 5
CREDENTIALS = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
LONGEST_ERROR = 500


def stage(name: str, note: str = "") -> None:
    """Tell the parent process how far this one is."""
    print(f"stage: {name}{' ' + note if note else ''}", flush=True)


def fail(code: int, message: str, error: BaseException | None = None) -> NoReturn:
    """Say in one line what went wrong, and leave."""
    reason = f": {type(error).__name__}: {' '.join(str(error).split())}" if error else ""
    print(f"error: {message}{reason[:LONGEST_ERROR]}", file=sys.stderr, flush=True)
    sys.exit(code)


def local_folder(model: str, into: str | None) -> Path:
    """Return the model's folder, downloading it first when MODEL is not a folder here."""
    path = Path(model)
    if path.is_dir():
        return path
    if "://" not in model and not model.startswith(("models:/", "runs:/")):
        fail(NO_DOWNLOAD, f"there is no model folder {model}")
    stage("download", model)
    try:
        from mlflow.artifacts import download_artifacts

        target = into or tempfile.mkdtemp(prefix="model-")
        Path(target).mkdir(parents=True, exist_ok=True)
        return Path(download_artifacts(artifact_uri=model, dst_path=target))
    except Exception as error:  # any client or transport error: the parent needs one line, not a traceback
        fail(NO_DOWNLOAD, f"model {model} could not be downloaded", error)


def forget_credentials(args: argparse.Namespace, folder: Path) -> None:
    """Go on without the credentials: the model's own code is about to run, and needs none of them.

    Under the same pid as another program: /proc shows a program the variables that it was started with, whatever
    it has removed from `os.environ`.
    """
    if not any(name in os.environ for name in CREDENTIALS):
        return
    kept = {name: value for name, value in os.environ.items() if name not in CREDENTIALS}
    options = ["--model", str(folder), "--socket", str(args.socket), "--socket-mode", f"{args.socket_mode:o}"]
    os.execve(sys.executable, [sys.executable, os.path.abspath(__file__), *options], kept)  # noqa: S606 - itself


def load(folder: Path) -> Any:
    """Load the model, or leave with NO_LOAD.

    Reasons are a missing MLmodel file, a missing package, or a file that does not open.
    """
    stage("load")
    if not (folder / "MLmodel").is_file():
        fail(NO_LOAD, "the model does not load: its folder has no MLmodel file")
    try:
        import mlflow.pyfunc

        return mlflow.pyfunc.load_model(str(folder))
    except ImportError as error:
        fail(NO_LOAD, "the model does not load: its requirements lack a package", error)
    except BaseException as error:  # model code may raise anything, SystemExit included
        fail(NO_LOAD, "the model does not load", error)


def check(model: Any, folder: Path) -> None:
    """Predict the model's own input example, if it has one.

    A failure is reported and does not stop the endpoint.
    """
    try:
        example = model.metadata.load_input_example(str(folder))
        if example is None:
            stage("check", "skipped: the model has no input example")
            return
        model.predict(example)
    except Exception as error:  # as above
        stage("check", f"failed: {type(error).__name__}: {' '.join(str(error).split())}"[:LONGEST_ERROR])
        return
    stage("check", "passed")


def listen(path: Path, mode: int) -> socket.socket:
    """Bind the socket with its final permissions, replacing a leftover that nobody listens on."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
                if probe.connect_ex(str(path)) == 0:
                    fail(NO_SOCKET, f"another process already serves on {path}")
            path.unlink()
        before = os.umask(0o777 & ~mode)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        path.chmod(mode)
        listener.listen(128)
    except OSError as error:
        fail(NO_SOCKET, f"cannot listen on {path}", error)
    return listener


def serve(model: Any, listener: socket.socket, path: Path) -> None:
    """Answer until SIGTERM or SIGINT.

    Requests under way get ten seconds to end. Leaves no socket file behind.
    """
    import uvicorn
    from mlflow.pyfunc import scoring_server

    class Announcing(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            stage("ready")

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # here, for uvicorn raises the signal again at the end of run(), and nothing runs after that
            path.unlink(missing_ok=True)  # noqa: ASYNC240  # no request is waiting on this loop any more
            await super().shutdown(sockets=sockets)

    config = uvicorn.Config(
        scoring_server.init(model), log_level="warning", access_log=False, timeout_graceful_shutdown=10
    )
    Announcing(config).run(sockets=[listener])


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Serve one MLflow model on a Unix socket.")
    parser.add_argument("--model", required=True, help="folder or MLflow URI of the model")
    parser.add_argument("--socket", required=True, type=Path, help="Unix socket to listen on")
    parser.add_argument(
        "--socket-mode", type=lambda text: int(text, 8), default=0o600, help="octal, default 600"
    )
    parser.add_argument("--download-to", help="folder for a downloaded model, default: a temporary one")
    args = parser.parse_args(argv)
    folder = local_folder(args.model, args.download_to)
    forget_credentials(args, folder)
    model = load(folder)
    check(model, folder)
    serve(model, listen(args.socket, args.socket_mode), args.socket)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
