"""Starts workloads as the user that runs it: standard library only, no Django, spec as JSON on standard
input.
"""

import dataclasses
import json
import os
import sys
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from clusters.local import isolation, launcher, spec, state


def main() -> None:
    base, command = sys.argv[1:3]
    if command == "probe":
        print(json.dumps(dataclasses.asdict(isolation.probe_isolation(base))))
        return
    values = json.load(sys.stdin)
    values["limits"] = spec.Limits(**{"memory": spec.GIB, **values.get("limits", {})})
    values["argv"] = tuple(values["argv"])
    values["read_only"] = tuple(values.get("read_only", ()))
    workload = spec.WorkloadSpec(
        **{
            "id": values.get("id") or uuid.uuid4().hex,
            "account": "a",
            "kind": "job",
            "folder": os.path.join(base, values.pop("name", uuid.uuid4().hex)),
            **values,
        }
    )
    launcher.make_folders(workload.folder, workload.uid)
    process = launcher.launch(workload)
    if command == "start":
        print(json.dumps({"pid": process.pid, "folder": workload.folder}))
        return
    process.wait(timeout=80)
    ended = state.load(workload.folder)
    with open(os.path.join(workload.folder, "log"), encoding="utf-8", errors="replace") as file:
        print(json.dumps({"state": dataclasses.asdict(ended), "log": file.read(), "folder": workload.folder}))


main()
