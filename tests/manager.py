"""What a test hears as the service manager of a daemon (the fixture `manager`)."""

import socket


def until_told(manager: socket.socket, *words: str) -> None:
    """Wait until the service manager has been told each of these, in this order."""
    for word in words:
        while word not in manager.recv(4096).decode():
            pass
