"""A sample tenancy, and the whole loop in it: data, training, model, endpoint, prediction, record.

Run by `make demo` once the portal is up. People and accounts come from the operator's commands, everything else goes
through the public REST API. A second run finds what the first one made.
"""

import io
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from portal_client import Document, Project, Refused, remember

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("PORTAL_HOME", ".portal")).absolute()
MEMORY = HOME / "demo.json"
EXAMPLE = ROOT / "examples" / "wafer-yield"
BASE_URL = (
    f"http://{os.environ.get('PORTAL_BIND', '127.0.0.1')}:{os.environ.get('PORTAL_PORT', '8000')}".replace(
        "0.0.0.0", "127.0.0.1"
    )
)

PEOPLE = (
    ("hana", "Hana Kim", "owner", "ko", "member"),
    ("minjun", "Minjun Lee", "scientist", "ko", "member"),
    ("root", "Platform admin", "admin", "en", "admin"),
    ("audrey", "Audrey Park", "auditor", "en", "auditor"),
)
ACCOUNTS = (
    ("cloud", "Fab shared cloud", "trusted", "The cluster and the object store that teams borrow."),
    ("etch", "Etch yield team", "general", "Die yield of the etch line."),
    ("litho", "Litho overlay team", "general", "Overlay and focus of the litho line."),
)

started = time.monotonic()


def say(text: str = "") -> None:
    """Print at once: a person is watching."""
    print(text, flush=True)


def step(text: str) -> None:
    """Say what happens now, and how long it has taken to get here."""
    say(f"[{time.monotonic() - started:6.1f} s] {text}")


def manage(*arguments: str) -> Document:
    """Run an operator's command and return the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        sys.exit(f"manage.py {arguments[0]} failed: {lines[-1] if lines else 'no message'}")
    printed: Document = json.loads(done.stdout)
    return printed


def tenancy(memory: Document) -> None:
    """Make the people and the accounts that are not there yet; what was made is remembered at once."""
    people = memory.setdefault("people", {})
    for username, name, _role, language, platform_role in PEOPLE:
        if username not in people:
            made = manage(
                "createuser",
                username,
                "--name",
                name,
                "--language",
                language,
                "--platform-role",
                platform_role,
            )
            people[username] = made["one_time_password"]
            remember(MEMORY, memory)
            step(f"person   {username}")
    projects = memory.setdefault("projects", {})
    for key, name, kind, description in ACCOUNTS:
        if key not in projects:
            made = manage(
                "createaccount", name, "--kind", kind, "--owner", "hana", "--description", description
            )
            projects[key] = made["project"]
            remember(MEMORY, memory)
            step(f"account  {name} ({kind}) → project {made['project']}")


def token_for(username: str, slug: str) -> str:
    """A token of a day, made anew by each run."""
    return str(
        manage("createtoken", "--user", username, "--project", slug, "--expires", "1d", "--name", "demo")[
            "token"
        ]
    )


def link(cloud: Project, etch: Project) -> None:
    """Connect the general account to the trusted one: invitation, claim, approval."""
    links = etch.get("links")["results"]
    if any(found["state"] == "active" for found in links):
        return
    requested = [found for found in links if found["state"] == "requested"]
    if not requested:
        invitation = cloud.post("links", {})
        requested = [etch.post("links/claim", {"code": invitation["code"]})]
    # hana owns both accounts, and nobody else could decide for the cloud: she says why, and the auditors are told.
    cloud.post(f"links/{requested[0]['id']}/approve", {"reason": "The etch team trains on the shared cloud."})
    step("link     the etch team may borrow from the shared cloud")


def wafer_csv() -> bytes:
    """The one-wafer data set that the wfmap package (MIT) carries, fetched by its pinned hash."""
    folder = HOME / "demo" / "wfmap"
    file = folder / "wfmap" / "data" / "wfdata.csv"
    if not file.exists():
        step("data     fetching the wfmap package")
        uv = Path(sys.executable).parent / "uv"
        command = [
            str(uv),
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--target",
            str(folder),
        ]
        subprocess.run(
            [*command, "-r", str(EXAMPLE / "data-requirements.txt")], check=True, stdin=subprocess.DEVNULL
        )
    return file.read_bytes()


def dataset(etch: Project) -> Document:
    """Upload the wafer as a dataset, unless it is there."""
    found = etch.find("datasets/wafers")
    if found is None:
        etch.post(
            "datasets",
            {"name": "wafers", "description": "One wafer of 76,289 dies: position, bin, four measurements."},
        )
    if found is None or found["latest"] is None:
        content = wafer_csv()
        version = etch.put_bytes("datasets/wafers/upload", content, path="wfdata.csv")
        step(
            f"data     wafers v{version['number']}: {len(content):,} bytes, sha256 {version['content_hash'][:12]}…"
        )
        return dict(version)
    step(f"data     wafers v{found['latest']['number']} is there")
    return dict(found["latest"])


def archive() -> bytes:
    """The example's folder as a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(EXAMPLE.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                packed.write(path, path.relative_to(EXAMPLE))
    return buffer.getvalue()


def train(etch: Project) -> Document:
    """Upload the training project and launch it with alpha=0.4, unless a job of it has succeeded before."""
    project = etch.find("training-projects/wafer-yield")
    if project is None:
        project = etch.post(
            "training-projects", {"name": "wafer-yield", "description": "Which dies of a wafer fail?"}
        )
    if project["source"] is None:
        source = etch.put_bytes("training-projects/wafer-yield/archive", archive())
        entries = ", ".join(entry["name"] for entry in source["entry_points"])
        step(f"code     wafer-yield source #{source['number']}: {entries}")
    for job in etch.get("training-jobs")["results"]:
        if job["project"] == "wafer-yield" and job["state"] == "succeeded":
            step(f"training job #{job['number']} is there")
            return dict(job)
    asked = {
        "project": "wafer-yield",
        "parameters": {"alpha": "0.4"},
        "inputs": {"data": "wafers"},
        "register_as": "wafer-yield",
    }
    job = etch.post("training-jobs", asked)
    step(f"training job #{job['number']}: alpha=0.4 on wafers")
    address = f"training-jobs/{job['number']}"
    for kind, told in etch.follow(address, f"{address}/log"):
        if kind == "log":
            for line in told.splitlines():
                say(f"             │ {line}")
        else:
            step(f"training {told['state']}{': ' if told['stage'] else ''}{told['stage']}")
            job = told
    if job["state"] != "succeeded":
        sys.exit(f"The training job ended as {job['state']}: {job['error']}")
    return dict(job)


def deploy(etch: Project, job: Document) -> None:
    """Give the trained version an alias and serve it, unless it is served."""
    model = job["result"]["model"]
    etch.call("PUT", f"models/{model['name']}/aliases/champion", {"version": model["version"]})
    endpoint = etch.find("endpoints/wafer-yield")
    if endpoint is None:
        endpoint = etch.post("endpoints", {"name": "wafer-yield", "description": "Predicts which dies fail."})
    active = endpoint["active"]
    if active and (active["model_name"], active["model_version"]) == (model["name"], model["version"]):
        if endpoint["state"] == "stopped":
            etch.post("endpoints/wafer-yield/start")
        step(f"endpoint wafer-yield serves version {model['version']}: {endpoint['state']}")
        return
    asked = etch.post("endpoints/wafer-yield/deploy", {"model": model["name"], "alias": "champion"})
    for _kind, told in etch.follow(f"operations/{asked['operation']}"):
        step(f"endpoint {told['state']}{': ' if told['stage'] else ''}{told['stage']}")
        if told["state"] in ("failed", "cancelled"):
            sys.exit(f"The endpoint did not start: {told['error']}")


def predict(etch: Project, frame: Document) -> Any:
    """Ask the endpoint; it may be starting again after a restart of the portal."""
    for _attempt in range(90):
        try:
            return etch.post("endpoints/wafer-yield/invocations", frame)
        except Refused as refused:
            if refused.status != 503:
                raise
            time.sleep(1)
    sys.exit("The endpoint did not become ready within 90 seconds.")


def artifact(etch: Project, run_id: str, path: str) -> Any:
    """Read one of the run's JSON artifacts."""
    return json.loads(etch.download(f"runs/{run_id}/artifacts/{path}"))


def report(etch: Project, memory: Document, job: Document) -> None:
    """Print what came of it, where to look, and who to sign in as."""
    run_id = job["result"]["run_id"]
    run = etch.get(f"runs/{run_id}")
    metrics = {name: value["value"] for name, value in run["metrics"].items()}
    matrix = artifact(etch, run_id, "confusion_matrix.json")
    say()
    say("  Held-out blocks of the wafer (neighbouring dies leak, so whole blocks are held out)")
    for name in ("accuracy", "precision", "recall", "f1", "roc_auc"):
        if name in metrics:
            say(f"    {name:<10} {metrics[name]:.3f}")
    say("  Confusion matrix (rows actual, columns predicted)")
    labels = [str(label) for label in matrix["labels"]]
    say("    " + " " * 8 + "".join(f"{label:>10}" for label in labels))
    for label, row in zip(labels, matrix["matrix"], strict=True):
        say(f"    {label:<8}" + "".join(f"{count:>10,}" for count in row))
    for name in ("whole_actual_yield", "whole_predicted_yield"):
        if name in metrics:
            say(f"  {name.replace('_', ' '):<17} {metrics[name]:.2%}")
    say()
    say("  On record (newest first)")
    for event in etch.get("audit-events", page_size=8)["results"]:
        who, what = event["actor"], event["target"]["label"]
        name = who["on_behalf_of"] or who["label"]
        say(f"    {event['at'][:19]}  {name[:16]:<16} {event['action']:<24} {what[:44]}")
    say()
    project = f"{BASE_URL}/projects/{etch.slug}"
    say(f"  Look here   {project}/")
    say(f"    run       {project}/runs/{run_id}/")
    say(f"    wafer     {project}/wafers/?run={run_id}")
    say(f"    endpoint  {project}/endpoints/wafer-yield/")
    say(f"    audit     {project}/audit/")
    say("  Sign in as (one-time passwords, until their first sign-in)")
    for username, name, role, _language, _platform in PEOPLE:
        say(f"    {username:<8} {memory['people'][username]:<18} {name}, {role}")
    say()
    step("The portal keeps running. Ctrl-C stops it.")


def main() -> None:
    memory: Document = json.loads(MEMORY.read_text("utf-8")) if MEMORY.exists() else {}
    step(f"the portal answers at {BASE_URL}")
    tenancy(memory)
    slugs = memory["projects"]
    cloud = Project(BASE_URL, slugs["cloud"], token_for("hana", slugs["cloud"]))
    owner = Project(BASE_URL, slugs["etch"], token_for("hana", slugs["etch"]))
    if not any(member["username"] == "minjun" for member in owner.get("members")["results"]):
        owner.post("members", {"username": "minjun", "role": "scientist"})
        step("member   minjun joins the etch team as scientist")
    link(cloud, owner)
    scientist = Project(BASE_URL, slugs["etch"], token_for("minjun", slugs["etch"]))
    dataset(scientist)
    job = train(scientist)
    deploy(owner, job)
    frame = example_frame(scientist, job)
    answer = predict(scientist, {"dataframe_split": frame})
    step(f"predict  {len(frame['data'])} dies → {str(answer)[:160]}")
    report(owner, memory, job)


def example_frame(project: Project, job: Document) -> Document:
    """The input example that was logged with the model."""
    model = job["result"]["model"]
    frame: Document = project.get(f"models/{model['name']}/versions/{model['version']}/input-example")
    return frame


if __name__ == "__main__":
    try:
        main()
    except Refused as refused:
        sys.exit(f"The portal refused: {refused} ({refused.status})")
    except KeyboardInterrupt:
        sys.exit(130)
