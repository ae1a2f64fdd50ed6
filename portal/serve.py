"""One web process: uvicorn with uvloop on a socket it is given, or on an address of its own."""

import os
import socket

import uvicorn
from django.conf import settings

from portal.environment import Environment


def serve(descriptor: int | None) -> int:
    """Serve until SIGTERM; returns the exit status. `descriptor` is a listening socket inherited from a supervisor."""
    environment: Environment = settings.ENVIRONMENT
    if descriptor is None:
        listener = listen(environment.bind, environment.port)
    else:
        listener = socket.socket(fileno=descriptor)
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


def listen(address: str, port: int) -> socket.socket:
    """A listening TCP socket; OSError where the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # Without it, a port is refused for a minute after its last connection closed.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener
