"""A real OpenID provider: `oidc-provider-mock`, in a process of its own on this machine."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx


class Provider:
    """A provider that knows people by subject and says their claims."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://localhost:{port}"

    def register(self, redirect: str) -> tuple[str, str]:
        """Register a client; returns its id and secret."""
        made = httpx.post(
            f"{self.issuer}/oauth2/clients", json={"redirect_uris": [redirect]}, trust_env=False
        ).json()
        return made["client_id"], made["client_secret"]

    def say(self, subject: str, **claims: Any) -> None:
        """Let the provider say this of somebody from now on."""
        httpx.put(f"{self.issuer}/users/{subject}", json=claims, trust_env=False).raise_for_status()

    def sign_in(self, address: str, subject: str) -> str:
        """Do what a person does at the provider; returns where the browser is sent back to, without the host."""
        answer = httpx.post(address, data={"sub": subject}, follow_redirects=False, trust_env=False)
        assert answer.status_code == 302, answer.text
        parts = urlsplit(answer.headers["location"])
        return f"{parts.path}?{parts.query}"


def query_of(address: str) -> dict[str, str]:
    """The parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@contextmanager
def running(*people: dict[str, Any]) -> Iterator[Provider]:
    """Start a provider on a free port, end it by its pid."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    claims = [part for person in people for part in ("--user-claims", json.dumps(person))]
    command = [
        sys.executable,
        "-m",
        "oidc_provider_mock",
        "--port",
        str(port),
        "--require-registration",
        "true",
    ]
    process = subprocess.Popen(
        [*command, "--require-nonce", "true", *claims], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        provider, until = Provider(port), time.monotonic() + 30
        while True:
            try:
                httpx.get(
                    f"{provider.issuer}/.well-known/openid-configuration", trust_env=False
                ).raise_for_status()
                break
            except httpx.HTTPError:
                assert process.poll() is None, "the provider has ended"
                assert time.monotonic() < until, "the provider does not answer"
                time.sleep(0.1)
        yield provider
    finally:
        process.terminate()
        process.wait(10)
