"""Decides where to connect, and says what is wrong with a socket before it is used."""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import dataclass
from typing import Mapping, Optional, Union

from pannier import errors

DEFAULT_SOCKET = "/run/pannier/pannier.sock"
SOCKET_PATH_MAX_BYTES = 107
TRUE = {"1", "true", "yes", "on"}
FALSE = {"", "0", "false", "no", "off"}

Path = Union[str, "os.PathLike[str]"]


@dataclass(frozen=True)
class Target:
    """Where the daemon is: a socket's path, or host and port."""

    socket: Optional[str] = None
    host: str = "localhost"
    port: int = 8000
    ssl: bool = False

    def __str__(self) -> str:
        if self.socket:
            return self.socket
        return f"{'https' if self.ssl else 'http'}://{self.host}:{self.port}"


def find_target(
    socket: Optional[Path] = None, environment: Optional[Mapping[str, str]] = None
) -> Target:
    """The target that an argument or the environment names; the default socket otherwise.

    Raises ConfigurationError when a variable's value makes no sense.
    """
    env = os.environ if environment is None else environment
    path = os.fspath(socket) if socket is not None else env.get("PANNIER_SOCKET")
    if path:
        return Target(socket=path)
    if socket is not None:
        raise errors.ConfigurationError("the socket's path is empty", "leave it out")
    if env.get("CHROMA_HOST"):
        return Target(host=env["CHROMA_HOST"], port=_port(env), ssl=_ssl(env))
    return Target(socket=DEFAULT_SOCKET)


def _port(env: Mapping[str, str]) -> int:
    text = env.get("CHROMA_PORT") or "8000"
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise errors.ConfigurationError(f"CHROMA_PORT is {text!r}", "a number from 1 to 65535")
    return int(text)


def _ssl(env: Mapping[str, str]) -> bool:
    text = env.get("CHROMA_SSL", "").strip().lower()
    if text not in TRUE | FALSE:
        raise errors.ConfigurationError(f"CHROMA_SSL is {text!r}", "true or false")
    return text in TRUE


def find_token(environment: Optional[Mapping[str, str]] = None) -> Optional[str]:
    """The bearer token the environment gives, if any."""
    env = os.environ if environment is None else environment
    for name in ("CHROMA_CLIENT_AUTH_CREDENTIALS", "CHROMA_TOKEN", "CHROMA_AUTH_TOKEN"):
        if env.get(name):
            return env[name]
    return None


def check_socket(path: str, timeout: Optional[float] = None) -> None:
    """Opens and closes the socket once. Raises a ConnectError that names the reason."""
    if len(os.fsencode(path)) > SOCKET_PATH_MAX_BYTES:
        raise errors.ConfigurationError(
            f"the socket's path is longer than {SOCKET_PATH_MAX_BYTES} bytes: {path}",
            "a shorter path, or a symbolic link to its folder",
        )
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise errors.SocketMissingError(
            f"no socket at {path}",
            f"start the daemon (pannierd --data DIR --socket {path}), or set PANNIER_SOCKET",
        ) from None
    except PermissionError as error:
        raise _forbidden(path) from error
    if not stat.S_ISSOCK(mode):
        raise errors.SocketMissingError(f"{path} is not a socket", "the path given to --socket")
    _probe(path, timeout)


def _probe(path: str, timeout: Optional[float]) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(timeout)
        try:
            probe.connect(path)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise errors.SocketRefusedError(
                f"nobody listens at {path}", "start the daemon again; it replaces the old socket"
            ) from error
        except PermissionError as error:
            raise _forbidden(path) from error
        except OSError as error:  # a time-out, or a queue that stays full
            raise errors.TimeoutError(
                f"{path} took no connection: {error}", "pannierctl status"
            ) from error


def _forbidden(path: str) -> errors.SocketForbiddenError:
    return errors.SocketForbiddenError(
        f"user {os.getuid()} may not open {path}", "join the socket's group, or ask for its mode"
    )
