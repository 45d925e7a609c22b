"""Real documents that every Debian machine has, and their embeddings.

Package descriptions from `apt-cache dumpavail`; where that is empty, from dpkg's status file; where
that has few, the first lines of the man pages.
"""

from __future__ import annotations

import gzip
import re
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

WANTED = 4000
DPKG_STATUS = Path("/var/lib/dpkg/status")
MAN_PAGES = Path("/usr/share/man")

# Programs that people start: their descriptions are fit to be judged by a reader.
DESKTOP = {"graphics", "sound", "video", "games", "editors", "mail", "web", "education", "text",
           "gnome", "kde", "x11", "xfce"}
TOOLS = {"utils", "admin", "net", "science", "database", "math", "electronics", "hamradio", "vcs",
         "comm", "shells", "tex", "news", "httpd", "misc"}
NOT_PROGRAMS = re.compile(r"^lib(?!re)|-(dev|doc|dbg|data|common|plugins?|l10n|source|modules?)$|"
                          r"-(l10n|lang|help|hyphenation|i18n|locale)-|^(fonts|node|golang|python)")
TELLING_TAGS = {"use", "works-with", "field", "game", "web", "sound", "mail", "science", "security",
                "hardware", "admin", "network", "biology", "junior", "office"}


@dataclass(frozen=True)
class Document:
    name: str
    text: str
    store: str                       # "desktop" or "tools"
    metadata: dict

    @property
    def meaning(self) -> str:
        """What is embedded: the description with the words of the tags, without their grammar."""
        return f"{self.text}. {self.metadata.get('tags', '')}"


def paragraphs(text: str):
    """The fields of each paragraph of a Debian control file."""
    for block in text.split("\n\n"):
        fields: dict[str, str] = {}
        key = ""
        for line in block.splitlines():
            if line[:1] in (" ", "\t"):
                fields[key] = fields.get(key, "") + "\n" + line.strip()
            elif ":" in line:
                key, _, value = line.partition(":")
                fields[key] = value.strip()
        if "Package" in fields:
            yield fields


def tag_words(tags: str) -> str:
    words = []
    for tag in tags.replace("\n", " ").split(", "):
        facet, _, value = tag.strip().partition("::")
        if facet in TELLING_TAGS and value:
            words += re.split(r"[:\-+]+", value)
    return " ".join(dict.fromkeys(word for word in words if word != "TODO"))


def from_package(fields: dict[str, str]) -> Document | None:
    section = fields.get("Section", "").split("/")[-1]
    text = fields.get("Description-en") or fields.get("Description", "")
    if NOT_PROGRAMS.search(fields["Package"]) or not text or section not in DESKTOP | TOOLS:
        return None
    size = int(fields.get("Size") or 0) or 1024 * int(fields.get("Installed-Size") or 0)
    metadata = {
        "section": section,
        "priority": fields.get("Priority", "optional"),
        "size": size,
        "maintainer": re.sub(r"\s*<.*", "", fields.get("Maintainer", "unknown")),
        "tags": tag_words(fields.get("Tag", "")) or "none",
    }
    text = re.sub(r"\s*\n\.?\s*", " ", text)
    return Document(fields["Package"], f"{fields['Package']}: {text}",
                    "desktop" if section in DESKTOP else "tools", metadata)


def packages(text: str) -> list[Document]:
    found = {}
    for fields in paragraphs(text):
        if document := from_package(fields):
            found[document.name] = document
    return list(found.values())


def man_pages() -> list[Document]:
    found = []
    for path in sorted(MAN_PAGES.glob("man[1-8]/*.gz")):
        raw = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
        match = re.search(r"^\.S[Hh]\s+\"?NAME\"?\s*\n(.+)", raw, re.M)
        if match:
            text = re.sub(r"\\f.|\\-|\\|^\.\w+\s+", " ", match.group(1)).strip()
            section = path.parent.name
            found.append(Document(path.name[:-3], text, "tools" if section == "man8" else "desktop", {
                "section": section, "priority": "optional", "size": path.stat().st_size,
                "maintainer": "unknown", "tags": "none"}))
    return found


def choose(found: list[Document]) -> list[Document]:
    """At most WANTED of them: graphics whole, of the rest always the same, spread evenly."""
    found.sort(key=lambda d: (d.metadata["section"] != "graphics", zlib.crc32(d.name.encode())))
    return sorted(found[:WANTED], key=lambda d: zlib.crc32(d.name.encode()))


def collect() -> tuple[list[Document], str]:
    """The documents, and in words where they are from."""
    try:
        available = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True,
                                   errors="replace", timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        available = ""
    found, source = packages(available), "apt-cache dumpavail"
    if len(found) < 500 and DPKG_STATUS.exists():
        found, source = packages(DPKG_STATUS.read_text(errors="replace")), str(DPKG_STATUS)
    if len(found) < 500:
        found, source = found + man_pages(), source + " and the man pages"
    return choose(found), source


def load_model():
    """wordllama with the weights of its package; nothing is downloaded."""
    import wordllama

    home = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=home, disable_download=True)


def embed(model, texts: list[str]):
    return model.embed(texts, norm=True).astype("float32")
