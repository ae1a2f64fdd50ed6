"""A small client of the portal's REST API: what an automation of one's own would look like."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

Document = dict[str, Any]


class Refused(Exception):
    """The portal said no; the text is its own."""

    def __init__(self, status: int, problem: Document) -> None:
        super().__init__(problem.get("detail") or f"status {status}")
        self.status = status
        self.problem = problem


class Project:
    """One project, as the bearer of a token."""

    def __init__(self, base_url: str, slug: str, token: str) -> None:
        self.slug = slug
        self._http = httpx.Client(
            base_url=f"{base_url}/api/v1/projects/{slug}/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(120, connect=5),
            trust_env=False,
        )

    def call(self, method: str, path: str, body: Document | None = None, **options: Any) -> Any:
        """Send a request; return the JSON answer, or None where there is none. Raises `Refused`."""
        response = self._http.request(method, path, json=body, **options)
        if response.status_code >= 400:
            try:
                problem = response.json()
            except ValueError:
                problem = {"detail": response.text[:300]}
            raise Refused(response.status_code, problem)
        return response.json() if response.content else None

    def get(self, path: str, **params: Any) -> Any:
        """Read."""
        return self.call("GET", path, params=params)

    def post(self, path: str, body: Document | None = None, key: str = "") -> Any:
        """Create or ask for something; `key` makes asking twice the same as asking once."""
        return self.call("POST", path, body, headers={"Idempotency-Key": key} if key else {})

    def put_bytes(self, address: str, content: bytes, /, **params: Any) -> Any:
        """Send a file."""
        headers = {"Content-Type": "application/octet-stream"}
        return self.call("PUT", address, content=content, params=params, headers=headers)

    def find(self, path: str) -> Document | None:
        """Read something that may not be there."""
        try:
            found: Document = self.get(path)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return found

    def download(self, path: str) -> bytes:
        """Fetch a file's bytes."""
        response = self._http.get(path)
        if response.status_code >= 400:
            raise Refused(response.status_code, response.json())
        return response.content

    def follow(self, path: str, log_path: str = "", every: float = 1.0) -> Iterator[tuple[str, Any]]:
        """Yield `("log", text)` and `("state", document)` until the thing at `path` has ended."""
        offset = 0
        shown: tuple[Any, ...] = ()
        while True:
            document = self.get(path)
            if log_path:
                piece = self.get(log_path, offset=offset)
                if piece["text"]:
                    offset = piece["next"]
                    yield "log", piece["text"]
            state = (document["state"], document["stage"])
            if state != shown:
                shown = state
                yield "state", document
            if document["state"] in ("succeeded", "failed", "cancelled"):
                return
            time.sleep(every)


def remember(file: Path, facts: Document) -> None:
    """Keep facts for the next run in a file that only its owner reads."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")
    draft.replace(file)
