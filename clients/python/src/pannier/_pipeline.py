"""SnapshotPipeline: one store out of many parts, by processes that may be killed anywhere."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Literal, Mapping, Optional, Sequence, TypeVar

from chromadb.config import DEFAULT_DATABASE, DEFAULT_TENANT

from pannier import _private, errors
from pannier._admin import OPERATION_SECONDS, Admin
from pannier._connect import Connection
from pannier._persistent import PersistentClient
from pannier._target import Path

BASE = "base"
REPOSITORY = "pipeline"
STEP_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9])?")
ATTEMPTS = 3  # of a step whose daemon dies

Fill = Callable[[Connection], Any]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Snapshot:
    """What a step left in the repository: a store, restored once and found whole (verified)."""

    step: str
    uid: str
    time: str  # RFC 3339, UTC
    records: int
    bytes: int


class SnapshotPipeline:
    """Builds a large store out of parts that are written side by side, on any number of machines.

        pipeline = pannier.SnapshotPipeline("books", {"s3": {"bucket": "b", ...}})
        pipeline.initialise()                                     # an empty snapshot
        pipeline.write("part-1", lambda client: ...)              # each part where and when you like
        pipeline.merge("all", ["part-1", "part-2"])               # downloads them and makes one
        pipeline.compact("done", "all")
        pipeline.check("done")                                    # downloads and compares
        pipeline.take("done", "./store")                          # a folder for PersistentClient
        pipeline.discard(["part-1", "part-2", "all"])

    Each step leaves one snapshot, named `step`, in the repository, and is done when that is there and
    verified; asked for again it returns at once, also when its arguments are others. A step that is
    killed anywhere leaves nothing that counts: run the program again, here or elsewhere, and it goes on
    with what is missing. Nothing is kept on the machine between steps. What this object has seen done
    is not looked for again.

    `repository` is one of `repositories` in pannierd's configuration without its name:
    {"s3": {...}} or {"volume": {"path": ...}}; best with a prefix or folder of its own, as each step
    lists what is there. Each step works in a folder of its own below `work`, with a private daemon
    (PersistentClient); it needs room for the step's store there about three times. `seconds` is for
    each operation of a step: a snapshot, the restore or merge of one part.

    Threads and processes: any; of one step on one machine one works, the others wait for it and take
    its result. On two machines both work, and either result will do.

    Raises, from pannier.errors:
      ConfigurationError  a name or the repository makes no sense
      NotFoundError       a step that is built upon has not been done
      OperationError      the daemon says why a step failed: the repository is away, damaged, full
      ConnectError        the daemon of a step died three times
      TimeoutError        an operation, or another process at the same step, took too long
    and what `fill` raises. In any case the step is not done, and may be run again.
    """

    def __init__(
        self,
        name: str,
        repository: Mapping[str, Any],
        work: Path = "./work",
        *,
        daemon: Optional[str] = None,
        seconds: float = OPERATION_SECONDS,
    ) -> None:
        self.name = _checked(name)
        self._work = os.path.join(os.path.realpath(os.fspath(work)), name)
        self._daemon = daemon
        self._seconds = seconds
        self._seen: Dict[str, Snapshot] = {}
        self._config = json.dumps({"repositories": [{"name": REPOSITORY, **_absolute(repository)}]})

    def initialise(self, prepare: Optional[Fill] = None) -> Snapshot:
        """Step `base`: makes the repository unless it is there, and in it the empty store that all
        parts begin with. `prepare(client)` may make collections, so that all parts have the same. Any
        number of processes may do so at once, and must before any other step."""

        def build(workspace: _Workspace, store: str) -> None:
            with contextlib.closing(workspace.open(store, create=True)) as client:
                if prepare is not None:
                    prepare(client)

        return self._do(BASE, build, initialise=True)

    def write(self, step: str, fill: Fill) -> Snapshot:
        """A part: `fill(client)` adds to a copy of the base. It is called at most once each time the
        step is tried, with a copy that is fresh."""

        def build(workspace: _Workspace, store: str) -> None:
            workspace.restore(self._found(workspace, BASE), self._store(BASE), store)
            with contextlib.closing(workspace.open(store)) as client:
                fill(client)

        return self._do(step, build)

    def merge(
        self, step: str, parts: Sequence[str], on_conflict: Literal["Keep", "Replace"] = "Keep"
    ) -> Snapshot:
        """One store with the collections and records of all parts, which are steps themselves. Where
        an id is in several, that of the part named first is kept (Keep), or of the last (Replace)."""
        if not parts or on_conflict not in ("Keep", "Replace"):
            raise errors.ConfigurationError(
                f"step {step} cannot merge {list(parts)} with {on_conflict}",
                "the names of parts, and Keep or Replace",
            )

        for part in parts:
            _checked(part)

        def build(workspace: _Workspace, store: str) -> None:
            found = [self._found(workspace, part) for part in parts]
            workspace.restore(found[0], self._store(parts[0]), store)
            for snapshot, part in zip(found[1:], parts[1:]):
                workspace.merge(snapshot, self._store(part), store, on_conflict)

        return self._do(step, build)

    def compact(self, step: str, source: str) -> Snapshot:
        """The store of step `source`, with what deleted and replaced records took given back."""

        def build(workspace: _Workspace, store: str) -> None:
            workspace.restore(self._found(workspace, source), self._store(source), store)
            workspace.run("compact", store=store)

        return self._do(step, build)

    def check(self, step: str) -> Snapshot:
        """Downloads a step's snapshot again and checks every record. Raises OperationError where it is
        not as it was written; it does not count as done from then on."""

        def verify(workspace: _Workspace) -> Snapshot:
            found = self._found(workspace, step)
            result = workspace.run(
                "snapshotVerify", snapshot=found.uid, level="Deep", repository=REPOSITORY
            )
            if not result["sound"]:
                self._seen.pop(step, None)
                raise errors.OperationError(
                    f"the snapshot of step {step} is damaged: {result['message']}",
                    "run the pipeline again: that step is not done any more",
                )
            return found

        with self._alone(self._path(step)) as path:
            return self._try(path, verify)

    def find(self, step: str) -> Optional[Snapshot]:
        """The snapshot of a step, if it has been done."""
        with self._alone(self._path(step)) as path:
            return self._try(path, lambda workspace: self._look_for(workspace, step))

    def take(self, step: str, folder: Path, database: str = DEFAULT_DATABASE) -> Snapshot:
        """Puts the store of a step into a new folder, for PersistentClient(folder). The folder is there
        whole or not at all; one that is there already, and not empty, is left alone with a
        ConfigurationError. In a running daemon `pannierctl restore` does the same."""
        target = os.path.realpath(os.fspath(folder))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with self._alone(target) as path:
            if os.path.isdir(target) and os.listdir(target):
                raise errors.ConfigurationError(f"{target} is there already", "a new folder")

            def restore(workspace: _Workspace) -> Snapshot:
                found = self._found(workspace, step)
                workspace.replace(found, self._store(step), f"{DEFAULT_TENANT}/{database}")
                workspace.leave_to(target)
                return found

            return self._try(path, restore)

    def discard(self, steps: Sequence[str]) -> int:
        """Deletes the snapshots of steps that nothing will be built upon any more, as of parts that are
        merged; they count as not done then. For one process at a time. Returns how many snapshots went;
        what only they needed is left to repositoryGc (docs/admin-api.md)."""
        wanted = {self._store(_checked(step)): step for step in steps}

        def delete(workspace: _Workspace) -> int:
            found = [page for page in workspace.pages() if page["store"] in wanted]
            for page in found:
                self._seen.pop(wanted[page["store"]], None)
                workspace.run("snapshotDelete", snapshot=page["uid"], repository=REPOSITORY)
            return len(found)

        with self._alone(self._path(BASE)) as path:
            return self._try(path, delete)

    def _do(
        self, step: str, build: Callable[[_Workspace, str], None], initialise: bool = False
    ) -> Snapshot:
        store, path = self._store(step), self._path(step)
        if step in self._seen and not _left_at(path):
            return self._seen[step]

        def find_or_build(workspace: _Workspace) -> Snapshot:
            if initialise:
                workspace.run("repositoryInit", repository=REPOSITORY)
            done = self._look_for(workspace, step)
            if done is None:
                build(workspace, store)
                done = self._seen[step] = workspace.snapshot(step, store)
            return done

        with self._alone(path):
            return self._seen.get(step) or self._try(path, find_or_build)

    def _try(self, path: str, work: Callable[[_Workspace], Result]) -> Result:
        """Does `work` with a daemon, anew with another when it dies."""
        for _ in range(ATTEMPTS - 1):
            with contextlib.suppress(errors.ConnectError), self._workspace(path) as workspace:
                return work(workspace)
        with self._workspace(path) as workspace:
            return work(workspace)

    def _found(self, workspace: _Workspace, step: str) -> Snapshot:
        found = self._look_for(workspace, step)
        if found is None:
            raise errors.NotFoundError(
                f"step {step} of pipeline {self.name} has not been done", "do it first"
            )
        return found

    def _look_for(self, workspace: _Workspace, step: str) -> Optional[Snapshot]:
        """The first look takes in all steps, which costs no more than one of them."""
        if not self._seen:
            self._seen.update(workspace.list(self._store("")))
        if step not in self._seen:
            self._seen.update(workspace.list(self._store(""), step))
        return self._seen.get(step)

    def _store(self, step: str) -> str:
        return f"{DEFAULT_TENANT}/{self.name}.{step}"

    def _path(self, step: str) -> str:
        return os.path.join(self._work, _checked(step))

    @contextlib.contextmanager
    def _alone(self, path: str) -> Iterator[str]:
        """While this process alone works at `path`; what killed ones left there is removed."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with _private.alone(f"{path}.lock", self._seconds):
            for left in _left_at(path):
                if os.path.isdir(left) and _private.await_end(left):
                    shutil.rmtree(left, ignore_errors=True)
            yield path

    def _workspace(self, path: str) -> _Workspace:
        return _Workspace(path, self._config, self._daemon, self._seconds)


class _Workspace:
    """A folder for one try of a step, with a private daemon that knows the repository."""

    def __init__(self, path: str, config: str, daemon: Optional[str], seconds: float) -> None:
        self._path, self._config, self._daemon, self._seconds = path, config, daemon, seconds

    def __enter__(self) -> "_Workspace":
        self.folder = tempfile.mkdtemp(dir=os.path.dirname(self._path),
                                       prefix=f"{os.path.basename(self._path)}~")
        with contextlib.ExitStack() as opened:
            opened.callback(shutil.rmtree, self.folder, ignore_errors=True)
            with open(os.path.join(self.folder, "pannierd.yaml"), "w", encoding="utf-8") as file:
                file.write(self._config)
            self._client = opened.enter_context(PersistentClient(self.folder, daemon=self._daemon))
            socket = str(self._client.get_settings().pannier_socket)  # type: ignore[attr-defined]
            self._admin = opened.enter_context(Admin(_private.admin_socket_beside(socket)))
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_exc: Any) -> None:
        self._opened.close()

    def open(self, store: str, create: bool = False) -> Connection:
        """Another client of the same daemon, for one store."""
        return PersistentClient(
            self.folder, database=store.partition("/")[2], create=create, daemon=self._daemon
        )

    def run(self, action: str, **members: Any) -> Dict[str, Any]:
        return self._admin.run(action, self._seconds, **members)

    def list(self, prefix: str, step: Optional[str] = None) -> Dict[str, Snapshot]:
        """The newest snapshot that is verified, of all steps or of one. One whose step was killed
        before it was verified may be whole or not, and does not count."""
        store = prefix + step if step is not None else None
        found: Dict[str, Snapshot] = {}
        for page in self.pages(store):
            if page["verified"] and page["store"].startswith(prefix):
                name = page["store"][len(prefix):]
                found.setdefault(name, _snapshot(name, page))
        return found

    def pages(self, store: Optional[str] = None) -> List[Dict[str, Any]]:
        return self._admin.snapshots(REPOSITORY, store)

    def snapshot(self, step: str, store: str) -> Snapshot:
        return _snapshot(step, self.run("snapshot", store=store, repository=REPOSITORY))

    def restore(self, snapshot: Snapshot, source: str, store: str) -> None:
        self.run("restore", store=source, snapshot=snapshot.uid, to=store, repository=REPOSITORY)

    def merge(self, snapshot: Snapshot, source: str, store: str, on_conflict: str) -> None:
        part = f"{store}.part"
        self.restore(snapshot, source, part)
        self.run("merge", store=store, **{"from": part}, onConflict=on_conflict)
        self._delete(part)

    def replace(self, snapshot: Snapshot, source: str, store: str) -> None:
        """restore() of a store that may be there, as the default one is."""
        if store == f"{DEFAULT_TENANT}/{DEFAULT_DATABASE}":
            self._delete(store)
        self.restore(snapshot, source, store)

    def leave_to(self, folder: str) -> None:
        """Becomes `folder`, once the daemon has ended; what is not the store's stays behind."""
        self._admin.close()
        self._client.close()
        for name in ("pannierd.yaml", "daemon.log", os.path.join("data", "repositories.json")):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.folder, name))
        os.rename(self.folder, folder)

    def _delete(self, store: str) -> None:
        self._client._server.delete_database(store.partition("/")[2], DEFAULT_TENANT)


def _left_at(path: str) -> List[str]:
    """Folders of tries, and the lock: of who works there now, or was killed."""
    return glob.glob(f"{glob.escape(path)}~*") + glob.glob(f"{glob.escape(path)}.lock")


def _snapshot(step: str, page: Mapping[str, Any]) -> Snapshot:
    return Snapshot(step, page["uid"], page["time"], page["records"], page["bytes"])


def _checked(name: str) -> str:
    if not STEP_NAME.fullmatch(name):
        raise errors.ConfigurationError(
            f"{name!r} cannot name a pipeline or a step", "1 to 64 letters, digits, - and _ within"
        )
    return name


def _absolute(repository: Mapping[str, Any]) -> Dict[str, Any]:
    """The daemon of a step has another working folder."""
    kinds: List[str] = [kind for kind in ("s3", "volume") if kind in repository]
    if len(repository) != 1 or not kinds:
        raise errors.ConfigurationError(
            f"{dict(repository)} is no repository",
            '{"s3": {"bucket": …}} or {"volume": {"path": …}}, as in pannierd\'s configuration',
        )
    members = dict(repository[kinds[0]])
    for key, value in members.items():
        if key == "path" or key.endswith("File"):
            members[key] = os.path.abspath(value)
    return {kinds[0]: members}
