"""One web process: uvicorn with uvloop on a socket it is given, or on an address of its own."""

import os
import socket

import uvicorn
from django.conf import settings
from django.urls import get_resolver

from portal.environment import Environment
from portal.listener import listen


def serve(descriptor: int | None, gate: int | None = None) -> int:
    """Serve until SIGTERM; returns the exit status. `descriptor` is a listening socket inherited from a supervisor.

    `gate` is a pipe that the supervisor closes once the database and the static files are ready: until then this
    process imports what it will need, which is most of a start.
    """
    if gate is not None:
        get_resolver().url_patterns  # noqa: B018  # imports every view
        while os.read(gate, 1):
            continue
    environment: Environment = settings.ENVIRONMENT
    inherited = descriptor is not None
    listener = socket.socket(fileno=descriptor) if inherited else listen(environment.bind, environment.port)
    config = uvicorn.Config(
        "portal.asgi:application",
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,  # RequestIdMiddleware writes one structured line per request
        server_header=False,
        proxy_headers=bool(environment.trusted_proxies),
        forwarded_allow_ips=environment.trusted_proxies or None,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    return 0 if server.started else 1
