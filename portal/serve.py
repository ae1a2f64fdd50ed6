"""One web process: uvicorn with uvloop on a socket it is given, or on an address of its own."""

import socket

import uvicorn
from django.conf import settings

from portal.environment import Environment
from portal.listener import listen


def serve(descriptor: int | None) -> int:
    """Serve until SIGTERM; returns the exit status. `descriptor` is a listening socket inherited from a supervisor."""
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
