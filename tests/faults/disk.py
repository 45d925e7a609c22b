"""What can go wrong around a daemon, as things that begin and end: faults of its disk by a preloaded
library (disk_faults.cc), a full file system, limits of the process, a clock that steps, files that go.
"""

from __future__ import annotations

import ctypes
import errno
import http.client
import mmap
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chroma"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "recovery"))
import launcher  # noqa: E402
from launcher import SocketConnection  # noqa: E402
from sidecar import Sidecar  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
STORE = "default_tenant/default_database"
READ, WRITE, SYNC = 1, 2, 4
CONFIG = "index: {graphThreshold: 100}\nstores: {diskReserve: 1MiB}\n"
DISK_BYTES = 96 << 20
CGROUP = Path("/sys/fs/cgroup/memory")
RLIMIT_OPEN = resource.RLIMIT_NOFILE

_libc = ctypes.CDLL(None, use_errno=True)


def word_file(path: Path, words: int) -> mmap.mmap:
    path.write_bytes(bytes(8 * words))
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), 8 * words)


class Machine:
    """A daemon on a file system of its own where root may mount one, with the faults around it."""

    def __init__(self, config: str = CONFIG, disk_bytes: int = DISK_BYTES):
        launcher.default_binary().stat()        # nothing is mounted for a daemon that is not there
        self.place = Path(tempfile.mkdtemp(prefix="pannier-faults-"))
        self.disk = self.place / "disk"
        self.disk.mkdir()
        self.mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={disk_bytes}", "none", str(self.disk)],
            capture_output=True).returncode == 0
        (self.disk / "data").mkdir()
        self.faults = word_file(self.place / "faults", 3)
        self.clock = word_file(self.place / "clock", 1)
        self.daemon = Sidecar(self.place / "backup", config)
        server = self.daemon.server
        server.command[server.command.index("--data") + 1] = str(self.data)
        libraries = [ROOT / "build/tests/libdisk_faults.so", ROOT / "build/e2e/libstepped_clock.so"]
        server.environment = {
            "LD_PRELOAD": ":".join(map(str, libraries)), "DISK_FAULTS": str(self.place / "faults"),
            "DISK_FAULTS_ROOT": str(self.data), "STEPPED_CLOCK": str(self.place / "clock")}
        (self.place / "backup").mkdir()
        try:
            self.daemon.start()
            self.daemon.operate("repositoryInit", repository="local")
        except BaseException:
            self.close()
            raise

    @property
    def data(self) -> Path:
        return self.disk / "data"

    @property
    def pid(self) -> int:
        return self.daemon.server.process.pid

    def alive(self) -> bool:
        return self.daemon.server.alive()

    def restart(self) -> None:
        """As a supervisor does when the process has died."""
        self.daemon.server.kill()
        self.daemon.start()

    def close(self) -> None:
        self.daemon.__exit__()
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.disk)], capture_output=True)
        shutil.rmtree(self.place, ignore_errors=True)

    def store_folder(self) -> Path:
        return next(self.data.glob("stores/*"))

    def set_faults(self, kinds: int, error: int, delay_us: int = 0) -> None:
        # The kinds go last when it begins, and first when it ends.
        self.faults[8:24] = struct.pack("<qq", error, delay_us)
        self.faults[0:8] = struct.pack("<q", kinds)


class Fault:
    """begin() and end() by name; `note` says how it was made."""

    name = ""
    note = "calls of the daemon on its data directory fail (preloaded library)"
    hold_seconds = 0.5
    restarts = False            # the process may die, and is started again by the test
    reads_go_on = True
    writes_go_on = False
    other_name_of_success = ""

    def __init__(self, machine: Machine):
        self.machine = machine

    def begin(self) -> None:
        raise NotImplementedError

    def end(self) -> None:
        raise NotImplementedError


def failing(fault_name: str, kinds: int, error: int, **more) -> type[Fault]:
    class Failing(Fault):
        name = fault_name

        def begin(self) -> None:
            self.machine.set_faults(kinds, error, more.get("delay_us", 0))

        def end(self) -> None:
            self.machine.set_faults(0, 0)

    for key in ("note", "hold_seconds", "reads_go_on", "writes_go_on"):
        if key in more:
            setattr(Failing, key, more[key])
    return Failing


class DiskFull(Fault):
    name = "disk full"

    def __init__(self, machine: Machine):
        super().__init__(machine)
        self.note = ("a tmpfs of 96 MiB, filled to the last byte" if machine.mounted
                     else "ENOSPC by the preloaded library: nothing can be mounted here")

    def begin(self) -> None:
        if not self.machine.mounted:
            self.machine.set_faults(WRITE, errno.ENOSPC)
            return
        # The log would else have room of its own for a while.
        self.machine.daemon.chroma("POST", f"/pannier/v1/stores/{STORE}/flush")
        self.fill()
        self.over = threading.Event()
        self.filler = threading.Thread(target=self.keep_full)
        self.filler.start()

    def fill(self) -> None:
        with open(self.machine.disk / "ballast", "ab", buffering=0) as ballast:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        ballast.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def keep_full(self) -> None:
        """What the daemon gives back, as its log, others take."""
        while not self.over.wait(0.01):
            self.fill()

    def end(self) -> None:
        self.machine.set_faults(0, 0)
        if self.machine.mounted:
            self.over.set()
            self.filler.join()
        (self.machine.disk / "ballast").unlink(missing_ok=True)


class NoDescriptors(Fault):
    name = "no file descriptors"
    note = "RLIMIT_NOFILE of the running process lowered to what is open"
    reads_go_on = False         # of new connections some are refused
    writes_go_on = True

    def begin(self) -> None:
        pid = self.machine.pid
        self.before = resource.prlimit(pid, RLIMIT_OPEN)
        used = max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd")) + 1
        resource.prlimit(pid, RLIMIT_OPEN, (used, self.before[1]))

    def end(self) -> None:
        resource.prlimit(self.machine.pid, RLIMIT_OPEN, self.before)


class NoMemory(Fault):
    name = "memory limit"
    restarts = True
    reads_go_on = False

    def __init__(self, machine: Machine):
        super().__init__(machine)
        self.group = CGROUP / f"pannier-faults-{os.getpid()}"
        try:
            self.group.mkdir()
            self.note = "a cgroup whose limit is what the process has; the kernel kills it"
        except OSError:
            self.group = None
            self.note = "RLIMIT_AS of the running process set to what it has; it ends by itself"

    def begin(self) -> None:
        pid = self.machine.pid
        if self.group is None:
            used = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * 4096
            resource.prlimit(pid, resource.RLIMIT_AS, (used, resource.RLIM_INFINITY))
            self.press()
            return
        (self.group / "cgroup.procs").write_text(str(pid))
        # What was taken before counts with the former group: only what comes now is limited.
        (self.group / "memory.limit_in_bytes").write_text(str(256 << 10))
        self.press()

    def press(self) -> None:
        """A worker sends large requests, each of which is refused for its last byte."""
        path = f"/api/v2/tenants/{STORE.replace('/', '/databases/')}/collections"
        for _ in range(3):
            try:
                connection = SocketConnection(self.machine.daemon.server.socket_path, 10)
                connection.request("POST", path, b"[" + b" " * (16 << 20),
                                   {"Content-Type": "application/json"})
                connection.getresponse().read()
                connection.close()
            except OSError:
                return
            except http.client.HTTPException:
                return

    def end(self) -> None:
        if self.group is not None:
            (self.group / "memory.limit_in_bytes").write_text("-1")
            if self.machine.alive():
                (CGROUP / "cgroup.procs").write_text(str(self.machine.pid))
        elif self.machine.alive():
            resource.prlimit(self.machine.pid, resource.RLIMIT_AS,
                             (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def close(self) -> None:
        if self.group is not None:
            self.group.rmdir()


def stepping(hours: int) -> type[Fault]:
    class Stepping(Fault):
        name = f"clock {hours:+d} h"
        note = "the wall clock that the daemon is told (preloaded library)"
        writes_go_on = True

        def begin(self) -> None:
            self.machine.clock[:] = struct.pack("<q", hours * 3600)

        def end(self) -> None:
            self.machine.clock[:] = bytes(8)
    return Stepping


class IndexGone(Fault):
    name = "index files gone"
    note = "saved indexes are made, then removed under the daemon, which is then killed"
    restarts = True
    writes_go_on = True

    def begin(self) -> None:
        shutil.rmtree(self.machine.store_folder() / "index", ignore_errors=True)
        self.machine.daemon.server.kill()

    def end(self) -> None:
        pass


class StoreGone(Fault):
    name = "store file gone"
    note = "store.db moved away under the daemon, and back"
    reads_go_on = False

    def begin(self) -> None:
        self.file = self.machine.store_folder() / "store.db"
        self.file.rename(self.machine.data.parent / "moved.db")

    def end(self) -> None:
        (self.machine.data.parent / "moved.db").rename(self.file)


class CatalogDamaged(Fault):
    name = "catalog damaged"
    note = "zeros over catalog.db of a killed daemon, which then refuses to start; a copy put back"
    restarts = True
    reads_go_on = False
    copied = ("catalog.db", "catalog.db-wal", "catalog.db-shm")

    def begin(self) -> None:
        self.machine.daemon.server.kill()
        self.copies = {name: (self.machine.data / name).read_bytes() for name in self.copied
                       if (self.machine.data / name).exists()}
        for name in self.copies:
            (self.machine.data / name).unlink()
        (self.machine.data / "catalog.db").write_bytes(bytes(64 << 10))
        done = subprocess.run(self.machine.daemon.server.command, capture_output=True, text=True,
                              timeout=20)
        self.other_name_of_success = "start refused"
        assert done.returncode == 1 and "catalog" in done.stderr and "try:" in done.stderr, done

    def end(self) -> None:
        for name, content in self.copies.items():
            (self.machine.data / name).write_bytes(content)


FAULTS: list[type[Fault]] = [
    DiskFull,
    failing("quota", WRITE, errno.EDQUOT),
    failing("EIO on read", READ, errno.EIO, reads_go_on=False),
    failing("EIO on write", WRITE, errno.EIO),
    failing("EIO on fsync", SYNC, errno.EIO),
    failing("read-only (EROFS)", WRITE, errno.EROFS),
    NoDescriptors,
    NoMemory,
    stepping(1),
    stepping(-1),
    failing("slow disk", SYNC, 0, delay_us=1_000_000, hold_seconds=2.5, writes_go_on=True,
            note="each fsync takes 1 s (preloaded library)"),
    IndexGone,
    StoreGone,
    CatalogDamaged,
]
