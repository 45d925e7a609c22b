"""What goes into an image: a program, the libraries that it needs, and papers about all of them.

An image has nothing else: no shell, no package manager. Libraries are those of the machine that built
the program, each from a Debian package, whose copyright file goes along.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

USER = 65532  # "nonroot" of distroless images
OWN_FOLDERS = ("var/lib/pannier", "run/pannier")
LIBRARIES = "usr/lib/{triplet}"
PAPERS = "usr/share/doc"
# Loaded when first used, so that no linker knows of them.
LOADED_LATER = {"pannierd": ["libcurl.so.4"], "pannierctl": ["libcurl.so.4"], "pannier-operator": ["libcurl.so.4"]}
# Files beside programs and libraries, and the packages that they are of.
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
ZONES = Path("/usr/share/zoneinfo")


@dataclass(frozen=True)
class Entry:
    """A file, a folder (content None) or a link, at a path without a leading slash."""

    path: str
    content: bytes | None = None
    link: str = ""
    mode: int = 0o644
    owner: int = 0


@dataclass
class Package:
    """A Debian package that some files are of."""

    name: str
    version: str
    architecture: str
    copyright: bytes
    licences: list[str]


@dataclass
class Contents:
    """Two layers: what seldom changes, and our programs."""

    base: dict[str, Entry] = field(default_factory=dict)
    programs: dict[str, Entry] = field(default_factory=dict)
    packages: dict[str, Package] = field(default_factory=dict)


class Missing(Exception):
    """Something that the image needs is not on this machine; the text says what, and what helps."""


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def libraries_of(program: Path) -> list[tuple[str, Path]]:
    """The name that each is looked for under, and where it is; the program loader among them."""
    found = []
    for line in output("ldd", str(program)).splitlines():
        named = re.match(r"\s*(\S+) => (\S+) \(", line)
        loader = re.match(r"\s*(/\S+/ld-\S+) \(", line)
        if "not found" in line:
            raise Missing(f"{program.name} needs {line.strip()}: run scripts/deps.sh")
        if named:
            found.append((named[1], Path(named[2])))
        elif loader:
            found.append((loader[1], Path(loader[1])))
    return found


@lru_cache
def find_library(name: str) -> Path:
    for line in output("/sbin/ldconfig", "-p").splitlines():
        if line.strip().startswith(name + " ("):
            return Path(line.split(" => ")[1])
    raise Missing(f"there is no {name}: run scripts/deps.sh")


def licences_in(text: str) -> list[str]:
    """The short names that a machine-readable copyright file gives; else the common ones it refers to."""
    names = re.findall(r"^License:[ \t]*(\S.*)$", text, re.MULTILINE)
    names = names or re.findall(r"/usr/share/common-licenses/([A-Za-z0-9.+-]*[A-Za-z0-9])", text)
    return sorted({" ".join(name.split()) for name in names})


@lru_cache
def package_of(file: Path) -> Package:
    """dpkg knows a file by the path that its package gave, which may lie behind a link of today."""
    paths = [str(file), str(file.resolve())]
    paths += [each.removeprefix("/usr") for each in paths] + ["/usr" + each for each in paths]
    for path in paths:
        asked = subprocess.run(["dpkg-query", "-S", path], capture_output=True, text=True, check=False)
        if asked.returncode == 0:
            name = asked.stdout.split(": ")[0].split(",")[0]
            break
    else:
        raise Missing(f"{file} is of no Debian package, so nobody can say what its licence is")
    version, architecture, bare = output(
        "dpkg-query", "-W", "-f=${Version}\n${Architecture}\n${Package}", name).split("\n")
    text = Path(f"/usr/share/doc/{bare}/copyright").read_bytes()
    return Package(bare, version, architecture, text, licences_in(text.decode(errors="replace")))


def add_library(contents: Contents, name: str, where: Path, folder: str) -> None:
    path = name.lstrip("/") if name.startswith("/") else f"{folder}/{name}"
    contents.base[path] = Entry(path, where.read_bytes(), mode=0o755)
    package = package_of(where)
    contents.packages[package.name] = package


def add_folder(contents: Contents, path: str, mode: int = 0o755, owner: int = 0) -> None:
    contents.base[path] = Entry(path, mode=mode, owner=owner)


def stripped(program: Path, scratch: Path) -> bytes:
    """Without symbols, and without the number that depends on the folder it was built in."""
    subprocess.run(["strip", "--strip-all", "--remove-section=.note.gnu.build-id", "-o", str(scratch), str(program)],
                   check=True)
    return scratch.read_bytes()


def add_programs(contents: Contents, programs: list[Path], scratch: Path) -> None:
    folder = LIBRARIES.format(triplet=output("gcc", "-print-multiarch").strip())
    for program in programs:
        if not program.exists():
            raise Missing(f"there is no {program.name}: run make build")
        contents.programs[f"usr/bin/{program.name}"] = Entry(
            f"usr/bin/{program.name}", stripped(program, scratch / program.name), mode=0o755)
        wanted = libraries_of(program)
        for name in LOADED_LATER.get(program.name, []):
            where = find_library(name)
            wanted += [(name, where), *libraries_of(where)]
        for name, where in wanted:
            add_library(contents, name, where, folder)


def add_machine_files(contents: Contents, zones: bool) -> None:
    """What libraries look for in a machine."""
    files = {"etc/passwd": f"nonroot:x:{USER}:{USER}:nonroot:/:/sbin/nologin\n",
             "etc/group": f"nonroot:x:{USER}:\n", "etc/nsswitch.conf": "hosts: files dns\n"}
    for path, text in files.items():
        contents.base[path] = Entry(path, text.encode())
    certificates = Path(CERTIFICATES)
    if not certificates.exists():
        raise Missing(f"there is no {CERTIFICATES}: install ca-certificates")
    contents.base[CERTIFICATES[1:]] = Entry(CERTIFICATES[1:], certificates.read_bytes())
    package = package_of(Path("/usr/sbin/update-ca-certificates"))
    contents.packages[package.name] = package
    add_folder(contents, "tmp", 0o1777)
    for path in OWN_FOLDERS:
        add_folder(contents, path, 0o750, USER)
    if zones:
        add_zones(contents)


def add_zones(contents: Contents) -> None:
    """Time zones, for schedules: those of the tz database by their names, once each."""
    seen: dict[bytes, str] = {}
    for file in sorted(ZONES.rglob("*")):
        path = str(file)[1:]
        if not file.is_file() or file.relative_to(ZONES).parts[0] in ("posix", "right"):
            continue
        content = file.read_bytes()
        if content in seen:
            contents.base[path] = Entry(path, link="/" + seen[content])
        else:
            seen[content] = path
            contents.base[path] = Entry(path, content)
    package = package_of(ZONES / "Etc" / "UTC")
    contents.packages[package.name] = package


def add_papers(contents: Contents, licence: Path) -> None:
    contents.base[f"{PAPERS}/pannier/LICENSE"] = Entry(f"{PAPERS}/pannier/LICENSE", licence.read_bytes())
    for package in contents.packages.values():
        path = f"{PAPERS}/{package.name}/copyright"
        contents.base[path] = Entry(path, package.copyright)


def collect(programs: list[Path], zones: bool, licence: Path, scratch: Path) -> Contents:
    """`zones`: with the tz database. Raises Missing."""
    contents = Contents()
    add_programs(contents, programs, scratch)
    add_machine_files(contents, zones)
    add_papers(contents, licence)
    return contents
