"""Address of the server: a socket that is bound before models are loaded, and its URL. Loads no TensorFlow."""

from __future__ import annotations

import errno
import socket

from tfgen import OptionError, OutputError


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address, so that no other program can take the port while models are loaded.

    Raises:
        OutputError: when another program has the port, or the address is not one of this machine's.
        OptionError: when the host is unknown.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise OptionError(f"--host: {host!r} is no name or address that is known here.") from error
    found = socket.socket(family, kind, protocol)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(1)  # two sockets can be bound to a port while neither listens
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise OutputError(
                f"port {port} of {host} is in use; choose another --port, or 0 for a free one."
            ) from error
        if error.errno == errno.EACCES:
            raise OutputError(f"port {port} is for the system alone; choose a --port above 1023.") from error
        raise OutputError(f"cannot listen at {host} port {port}: {error.strerror}.") from error
    return found


def address_of(found: socket.socket) -> str:
    """Return the address of a socket as a URL."""
    host, port = found.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
