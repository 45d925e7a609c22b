"""The private daemon of a folder: who asks first starts it, all others join it.

    FOLDER/data           what the daemon keeps
    FOLDER/clients.lock   each client process holds a shared lock (flock) on it
    FOLDER/start.lock     held while somebody starts the daemon
    FOLDER/pannier.sock   its socket; a link to it when the folder's name is too long for one
    FOLDER/daemon.log     what it says
    FOLDER/pannierd.yaml  settings of the user's, if any

The kernel drops a lock when its holder closes it or dies, so nothing is counted and nothing needs
to be cleaned up. The daemon ends when it finds `clients.lock` unlocked, and holds it alone until it
has ended: a client that has the shared lock knows that no daemon is about to end under it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional

from pannier import errors
from pannier._target import SOCKET_PATH_MAX_BYTES

START_SECONDS = 60.0
END_SECONDS = 15.0  # a daemon's shutdownGrace, and a little
LOOK_SECONDS = 0.005
LOOKS_THAT_TELL = 3  # another client, and not only one that is leaving too and looks as we do
DEATHS_MAX = 5  # without a word, of daemons that come up
LOG_BYTES_MAX = 1 << 20
LOG_TAIL_BYTES = 2000
ADMIN_SOCKET_BYTES_MORE = len(".admin")
# What would make the daemon another one than the folder's own.
FOREIGN_VARIABLES = ("PANNIER_SOCKET", "PANNIER_ADMIN_SOCKET", "PANNIER_CONFIG", "NOTIFY_SOCKET")


@dataclass(frozen=True)
class DaemonOptions:
    """How a daemon is started, if it is this process that starts it."""

    program: Optional[str] = None
    allow_reset: bool = False
    start_seconds: float = START_SECONDS


def find_program(program: Optional[str] = None) -> str:
    """The program `pannierd`: as given, of PANNIERD, beside Python, or on the PATH."""
    wanted = program or os.environ.get("PANNIERD")
    beside = Path(sys.executable).with_name("pannierd")
    found = shutil.which(wanted or "pannierd") or (
        str(beside) if not wanted and os.access(beside, os.X_OK) else None
    )
    if found is None:
        raise errors.DaemonMissingError(
            f"there is no program {wanted or 'pannierd'}",
            "put pannierd on the PATH, or name it with daemon=... or PANNIERD",
        )
    return os.path.abspath(found)


class _Lock:
    """flock(2) on a file, given back by release() or by the end of the process."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self, how: int) -> bool:
        try:
            fcntl.flock(self.descriptor, how | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EINTR):
                raise
            return False
        return True

    def is_named(self) -> bool:
        """Whether the path still leads to the file that is locked."""
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(self.descriptor), os.stat(self.path))
        return False

    def unlock(self) -> None:
        """For a lock that children of a fork must not keep."""
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self.descriptor)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[_Lock]:
    lock = _Lock(path)
    try:
        yield lock
    finally:
        lock.close()


@contextlib.contextmanager
def alone(path: str, seconds: float) -> Iterator[None]:
    """While no other process or thread is within, by a file that is gone afterwards. Raises
    TimeoutError."""
    until = time.monotonic() + seconds
    while True:
        with _opened(path) as lock:
            if not _wait_for(lambda: lock.take(fcntl.LOCK_EX), until):
                raise errors.TimeoutError(
                    f"another process has held {path} for {seconds} s", "again when it has ended"
                )
            if not lock.is_named():  # removed by who had it before
                continue
            try:
                yield
                return
            finally:
                os.unlink(path)
                lock.unlock()


def _wait_for(done: Callable[[], bool], until: float) -> bool:
    pause = LOOK_SECONDS
    while not done():
        if time.monotonic() >= until:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return True


def _listens(path: str) -> bool:
    """Whether somebody takes connections there. A full queue counts as somebody."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:
            return True
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except PermissionError as error:
            raise errors.SocketForbiddenError(
                f"user {os.getuid()} may not open {path}", "the user who made the folder"
            ) from error
    return True


def _fits(path: str) -> bool:
    return len(os.fsencode(path)) + ADMIN_SOCKET_BYTES_MORE <= SOCKET_PATH_MAX_BYTES


def _runtime_folder(file: str) -> str:
    """A folder of this user alone in which a socket `file` has a name short enough."""
    for name in (os.environ.get("XDG_RUNTIME_DIR"), f"/run/user/{os.getuid()}"):
        if not name or not os.access(name, os.W_OK) or os.stat(name).st_uid != os.getuid():
            continue
        if _fits(os.path.join(name, file)):
            return name
    name = os.path.join(tempfile.gettempdir(), f"pannier-{os.getuid()}")
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700)
    found = os.lstat(name)
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
    if not ours or not _fits(os.path.join(name, file)):
        raise errors.ConfigurationError(
            f"no socket can be put into {name}: others may write there, or its name is too long",
            "set XDG_RUNTIME_DIR, or use a folder with a shorter name",
        )
    return name


class PrivateDaemon:
    """This process' part in the daemon of one folder. Threads: any; see join() and leave()."""

    def __init__(self, home: str, options: DaemonOptions) -> None:
        self.home = home
        self._options = options
        self._clients: Optional[_Lock] = None
        self._others_seen = 0
        self._said = "it says nothing"
        self._busy = threading.RLock()

    def renew_after_fork(self) -> None:
        self._busy = threading.RLock()

    @property
    def socket(self) -> str:
        """Where the daemon listens, once join() has returned."""
        inside = self._in_home("pannier.sock")
        if _fits(inside):
            return inside
        with contextlib.suppress(OSError):
            return os.readlink(inside)
        return self._short_socket()

    def join(self) -> None:
        """Returns when a daemon serves the folder, and keeps it until leave(). Idempotent."""
        until = time.monotonic() + self._options.start_seconds
        with self._busy:
            was_member = self._clients is not None
            try:
                self._hold_clients_lock(until)
                if not _listens(self.socket):
                    self._start_alone(until)
            except BaseException:
                if not was_member:
                    self._let_go()
                raise

    def leave(self, wait: bool = True) -> None:
        """Gives it up. When nobody else in any process needs it, it has ended on return, unless
        that is not to be waited for."""
        with self._busy:
            if self._clients is None:
                return
            self._let_go()
            self._others_seen = 0
            if wait:
                _wait_for(self._has_ended_or_is_needed, time.monotonic() + END_SECONDS)

    def _let_go(self) -> None:
        if self._clients is not None:
            self._clients.close()
            self._clients = None

    def _in_home(self, name: str) -> str:
        return os.path.join(self.home, name)

    def _short_socket(self) -> str:
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:24]
        name = f"pannier-{digest}.sock"
        return os.path.join(_runtime_folder(name), name)

    def _hold_clients_lock(self, until: float) -> None:
        while self._clients is None or not self._clients.is_named():
            self._let_go()
            os.makedirs(self.home, exist_ok=True)
            self._clients = _Lock(self._in_home("clients.lock"))
            if not _wait_for(lambda: bool(self._clients and self._clients.take(fcntl.LOCK_SH)), until):
                raise errors.DaemonStartError(
                    f"the daemon of {self.home} is ending, but does not come to its end",
                    f"look at {self._in_home('daemon.log')}",
                )

    def _start_alone(self, until: float) -> None:
        with _opened(self._in_home("start.lock")) as starting:
            if not _wait_for(lambda: starting.take(fcntl.LOCK_EX), until):
                raise self._start_error("another process is still starting it")
            try:
                died = 0
                while not _listens(self.socket):
                    died += self._start(until)
                    if died == DEATHS_MAX:
                        raise self._start_error(f"it was killed {died} times")
            finally:
                starting.unlock()

    def _start(self, until: float) -> bool:
        """Starts one; returns when it listens, or may be tried again: it was kept out by one that is
        about to end, or (True) was killed."""
        path = self._place_socket()
        log = self._open_log()
        log_start = os.path.getsize(log)
        pid = self._spawn(path, log)
        listening = _wait_for(lambda: _listens(path) or not _lives(pid), until)
        if listening and _listens(path):
            return False
        said = self._said_since(log, log_start)
        self._said = said or self._said
        if not listening or time.monotonic() >= until:
            raise self._start_error(self._said)
        if "is locked by" in said:
            time.sleep(0.05)
            return False
        if "error:" in said:
            raise self._start_error(said)
        return True

    def _start_error(self, why: str) -> errors.DaemonStartError:
        return errors.DaemonStartError(
            f"the daemon of {self.home} does not come up: {why}",
            f"look at {self._in_home('daemon.log')}",
        )

    def _place_socket(self) -> str:
        inside = self._in_home("pannier.sock")
        if _fits(inside):
            return inside
        short = self._short_socket()
        beside = f"{inside}.new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
        os.symlink(short, beside)
        os.replace(beside, inside)
        return short

    def _open_log(self) -> str:
        path = self._in_home("daemon.log")
        with contextlib.suppress(FileNotFoundError):
            if os.path.getsize(path) > LOG_BYTES_MAX:
                os.replace(path, f"{path}.1")
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        return path

    def _arguments(self, path: str) -> List[str]:
        config = self._in_home("pannierd.yaml")
        arguments = [
            find_program(self._options.program),
            "--config", config if os.path.exists(config) else os.devnull,
            "--data", self._in_home("data"),
            "--socket", path,
            "--set", "listen.socket.mode=0600",
            "--set", f"clientsFile={self._in_home('clients.lock')}",
        ]
        return [*arguments, "--allow-reset"] if self._options.allow_reset else arguments

    def _spawn(self, path: str, log: str) -> int:
        """Through a shell that ends at once, so that the daemon is nobody's child to wait for."""
        command = '"$@" </dev/null >>"$0" 2>&1 & echo $!'
        environment = {k: v for k, v in os.environ.items() if k not in FOREIGN_VARIABLES}
        done = subprocess.run(
            ["/bin/sh", "-c", command, log, *self._arguments(path)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=environment, cwd="/", start_new_session=True, check=True,
        )
        return int(done.stdout)

    def _said_since(self, log: str, start: int) -> str:
        with open(log, "rb") as text:
            text.seek(start)
            return text.read()[-LOG_TAIL_BYTES:].decode(errors="replace").strip()

    def _has_ended_or_is_needed(self) -> bool:
        return self.has_ended() or self._others_seen >= LOOKS_THAT_TELL

    def has_ended(self) -> bool:
        """Whether neither a client nor a daemon is left."""
        try:
            with _opened(self._in_home("clients.lock")) as look:
                if not look.take(fcntl.LOCK_EX):
                    self._others_seen += look.take(fcntl.LOCK_SH)  # else it is about to end
                    return False
                if _listens(self.socket):
                    return False  # it has not noticed yet
                self._remove_link()
                return True
        except OSError:
            return True  # the folder is gone

    def _remove_link(self) -> None:
        """While no client can come. What a killed daemon left at its end goes with it."""
        inside = self._in_home("pannier.sock")
        if not os.path.islink(inside):
            return
        short = os.readlink(inside)
        for left in (short, admin_socket_beside(short)):
            with contextlib.suppress(OSError):
                os.unlink(left)
        os.unlink(inside)


def _lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not waited for does not."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as status:
            return status.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return not os.path.isdir("/proc/self") and _takes_signals(pid)


def _takes_signals(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class _Memberships:
    """One PrivateDaemon for each folder of this process, and how many clients share it."""

    def __init__(self) -> None:
        self._busy = threading.Lock()
        self._daemons: Dict[str, PrivateDaemon] = {}
        self._users: Dict[str, int] = {}

    def join(self, home: str, options: DaemonOptions) -> PrivateDaemon:
        with self._busy:
            daemon = self._daemons.setdefault(home, PrivateDaemon(home, options))
            self._users[home] = self._users.get(home, 0) + 1
        try:
            daemon.join()
        except BaseException:
            self.leave(home, wait=False)
            raise
        return daemon

    def leave(self, home: str, wait: bool = True) -> None:
        with self._busy:
            self._users[home] -= 1
            if self._users[home] > 0:
                return
            del self._users[home]
            daemon = self._daemons.pop(home)
        daemon.leave(wait)

    def find(self, home: str) -> Optional[PrivateDaemon]:
        with self._busy:
            return self._daemons.get(home)

    def renew_after_fork(self) -> None:
        self._busy = threading.Lock()
        for daemon in self._daemons.values():
            daemon.renew_after_fork()


_memberships = _Memberships()
os.register_at_fork(after_in_child=_memberships.renew_after_fork)
join = _memberships.join
leave = _memberships.leave


def revive(home: str) -> None:
    """Starts the daemon of a folder again, if this process is its client and it has died."""
    daemon = _memberships.find(home)
    if daemon is not None:
        daemon.join()


def await_end(home: str) -> bool:
    """Waits until the daemon of a folder that nobody joins any more has ended; False: it has not."""
    daemon = PrivateDaemon(home, DaemonOptions())
    return _wait_for(daemon.has_ended, time.monotonic() + END_SECONDS)


def admin_socket_beside(socket: str) -> str:
    """Where the daemon of a data socket has its admin socket, unless it was told otherwise."""
    return f"{socket[:-len('.sock')] if socket.endswith('.sock') else socket}.admin.sock"


def find_pid(path: str) -> int:
    """The process that listens at a socket, as the kernel knows it. Raises OSError without one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.connect(path)
        credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[0])
