"""The TCP socket that the web processes share."""

import socket


def listen(address: str, port: int) -> socket.socket:
    """A listening TCP socket; OSError where the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Without it, a port is refused for a minute after its last connection closed.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener
