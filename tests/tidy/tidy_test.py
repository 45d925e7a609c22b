#!/usr/bin/env python3
"""Rules of the source tree that no compiler checks. Each test is a rule; its failure lists places.

Goal: the tree keeps the shape that docs/architecture.md describes.
Method: reads every file that git tracks or would track; no build is needed.
"""

import re
import subprocess
import unittest
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# --- who may include whom ---

# Folders of a program's layers, each with what it may include besides itself.
LAYERS = {
    "lib/core": [],
    "lib/file": ["lib/core"],
    "lib/http": ["lib/core", "lib/file", "lib/crypto"],
    "lib/json": ["lib/core"],
    "lib/config": ["lib/core"],
    "lib/metrics": ["lib/core"],
    "lib/contract": ["lib/core", "lib/http", "lib/json"],
    "lib/crypto": ["lib/core"],
    "lib/inject": ["lib/core", "lib/json", "lib/contract"],
    "lib/repository": ["lib/core", "lib/file", "lib/http", "lib/json", "lib/crypto", "lib/contract"],
    "daemon/config": ["lib"],
    "daemon/model": ["lib"],
    "daemon/index": ["lib", "daemon/model"],
    "daemon/store": ["lib", "daemon/model", "daemon/index"],
    "daemon/snapshot": ["lib", "daemon/model", "daemon/index", "daemon/store"],
    "daemon/salvage": ["lib", "daemon/model", "daemon/index", "daemon/store"],
    "daemon/rescue": ["lib", "daemon/model", "daemon/index", "daemon/store"],
    "daemon/transfer": ["lib", "daemon/model", "daemon/index", "daemon/store"],
    "daemon/operations": ["lib", "daemon/model", "daemon/index", "daemon/store", "daemon/snapshot",
                          "daemon/salvage", "daemon/rescue", "daemon/transfer", "daemon/process", "daemon/sessions",
                          "daemon/service"],
    "daemon/sessions": ["lib", "daemon/store"],
    "daemon/service": ["lib", "daemon/model", "daemon/index", "daemon/store", "daemon/sessions"],
    "daemon/api": ["lib", "daemon/model", "daemon/index", "daemon/store", "daemon/sessions", "daemon/service"],
    "daemon/admin": ["lib", "daemon/model", "daemon/store", "daemon/sessions", "daemon/service", "daemon/operations"],
    "daemon/process": ["lib"],
    "daemon": ["lib", "daemon"],
    "operator": ["lib", "operator"],
    "cli": ["lib", "daemon/config"],   # `config check` is the daemon's own check
    "cli/cluster": ["lib", "cli", "operator/kube"],   # the API's client, none of what the operator decides
}

# One folder owns each library's headers and turns its exceptions into errors. Tests of the owner may
# use them too.
OWNERS = {
    r"sqlite3\.h": ["daemon/store", "tests/support"],   # there: the faulty disk as SQLite's VFS
    r"hnswlib/": ["daemon/index"],
    r"re2/": ["daemon/index"],
    r"roaring/": ["daemon/index"],
    r"httplib\.h": ["lib/http"],
    r"openssl/": ["lib/http", "lib/crypto"],
    r"curl/": ["lib/repository"],
    r"zstd\.h": ["lib/repository"],
    r"simdjson\.h": ["lib/json"],
    r"nlohmann/json\.hpp": ["lib/json", "lib/inject", "daemon/model", "daemon/operations", "operator", "tests", "*.cc"],   # cold JSON, where it is handled
    r"nlohmann/json_fwd\.hpp": ["*"],
    r"yaml-cpp/": ["lib/config"],
    r"prometheus/": ["lib/metrics"],
    r"xxhash\.h": ["lib/file"],
    r"CLI/": ["cli", "daemon/config", "operator", "tests/bench"],
    r"catch2/": ["tests"],
    r"date/": ["operator/cron"],
    r"fmt/": ["*"],
    r"(sys|netinet|arpa|linux|asm|net)/": ["*"],   # the system
}

# --- sizes: known exceptions, whose numbers may only shrink ---

FILE_LINES = 600
FILE_EXCEPTIONS = {
}
FUNCTION_LINES = 40
FUNCTION_EXCEPTIONS = {
}

# --- other lists ---

# Folders whose tests are of another kind than one file per source.
UNMIRRORED = {"tests/support", "tests/tidy", "tests/bench", "tests/fuzz", "tests/crash",
              "tests/clients", "tests/chroma", "tests/recovery", "tests/rescue", "tests/flips", "tests/workers", "tests/metrics", "tests/e2e", "tests/images",
              "tests/doors", "tests/abuse", "tests/soak"}
# A test file that covers its whole folder is named after it; these are named after a behaviour.
NAMED_AFTER_BEHAVIOUR = {
    "tests/daemon/index/filter_test.cc",   # filters against a model, over several classes
    "tests/daemon/index/parts_test.cc",    # the small classes
    "tests/daemon/store",   # also whole stores against a model, and power losses
    "tests/daemon/snapshot", "tests/daemon/operations",   # also whole histories, and crashes
    "tests/operator/plan",   # also whole worlds
    "tests/daemon/api",   # a file per group of routes, as a client sees them
}
# The only places that write or rename files. lib/http binds sockets beside and renames them.
WRITES_FILES = ("lib/file/", "lib/http/unix_listener.cc")


@lru_cache
def tracked() -> tuple[str, ...]:
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                           cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(sorted(name for name in names.split("\0") if name and (ROOT / name).is_file()))


def files(*endings: str) -> list[str]:
    return [name for name in tracked() if name.endswith(endings)]


@lru_cache(maxsize=None)
def text(name: str) -> str:
    return (ROOT / name).read_text(errors="replace")


def lines(name: str) -> list[str]:
    return text(name).splitlines()


def sources(*endings: str) -> list[str]:
    return [name for name in files(*(endings or (".cc", ".h")))
            if name.startswith(("lib/", "daemon/", "operator/", "cli/"))]


def cxx() -> list[str]:
    return files(".cc", ".h")


def includes(name: str, pattern: str):
    for number, line in enumerate(lines(name), 1):
        found = re.match(rf"\s*#\s*include\s+{pattern}", line)
        if found:
            yield number, found.group(1)


def folder_of(name: str) -> str:
    return str(Path(name).parent)


def is_below(name: str, folder: str) -> bool:
    return name == folder or name.startswith(folder + "/")


def functions(name: str):
    """(name, first line, number of lines) of each function, told from clang-format's layout."""
    start = re.compile(r"^(\s*)(?!.*\b(?:if|for|while|switch|catch|namespace|class|struct|enum|union)"
                       r"\b\s*[({\w])(?!\s*(?:else|do|try|return)\b).*\)[^;=]*\{$")
    rows = lines(name)
    for index, row in enumerate(rows):
        found = start.match(row)
        if not found or "[" in row and "](" in row:      # a lambda counts with its function
            continue
        head, first = row, index
        while first > 0 and rows[first - 1].strip() and not rows[first - 1].rstrip().endswith(
                (";", "}", "{", ":")) and not rows[first - 1].lstrip().startswith(("//", "#", "*")):
            first -= 1
            head = rows[first] + head
        indent = found.group(1)
        base = re.match(r"\s*", rows[first]).group()
        for end in range(index + 1, len(rows)):
            if re.match(rf"({indent}|{base})\}}", rows[end]):
                label = re.search(r"([\w:~]+)\(", head)
                yield (label.group(1) if label else "?"), first + 1, end - first + 1
                break


def braced_before(body: str, at: int) -> str:
    """What stands before `at` in the innermost brackets, if those are an initialiser's braces."""
    depth = 0
    for index in range(at - 1, -1, -1):
        char = body[index]
        if char in ")}]":
            depth += 1
        elif depth and char in "({[":
            depth -= 1
        elif not depth and char in "([;":
            return ""
        elif not depth and char == "{":
            inside = body[index + 1:at]
            # A block follows a parenthesis or a word like else; its statements are no values.
            is_block = re.search(r"(\)|\b(else|do|try|const|override|noexcept))\s*$", body[:index])
            return "" if is_block else inside
    return ""


class Tidy(unittest.TestCase):
    maxDiff = None

    def assert_none(self, places: list[str], what: str):
        self.assertFalse(places, f"{what}:\n  " + "\n  ".join(places))

    def test_dependencies_point_one_way(self):
        places = []
        for name in sources():
            layer = max((each for each in LAYERS if is_below(folder_of(name), each)), key=len,
                        default=None)
            self.assertIsNotNone(layer, f"{name}: its folder is in no layer; add it to LAYERS")
            for number, included in includes(name, r'"([^"]+)"'):
                fine = is_below(folder_of(included), layer) or any(
                    is_below(folder_of(included), allowed) for allowed in LAYERS[layer])
                if not fine:
                    places.append(f"{name}:{number}: {layer} may not include {included}")
        self.assert_none(places, "includes against the direction of the layers")

    def test_quoted_includes_are_spelled_from_the_root(self):
        self.assert_none([f"{name}:{number}: {included}" for name in cxx()
                          for number, included in includes(name, r'"([^"]+)"')
                          if included not in tracked()], "no such file below the root")

    def test_core_needs_only_the_standard_library(self):
        self.assert_none([f"{name}:{number}: <{included}>"
                          for name in sources() if name.startswith("lib/core/")
                          for number, included in includes(name, r"<([^>]+)>")
                          if self.owners(included) not in (None, ["*"])],
                         "libraries in lib/core")

    @staticmethod
    def owners(included: str):
        for pattern, owners in OWNERS.items():
            if re.match(pattern, included):
                return owners
        return None

    def test_each_library_has_one_owner(self):
        places = []
        for name in cxx():
            for number, included in includes(name, r"<([^>]+)>"):
                owners = self.owners(included)
                if owners is None:
                    if "/" in included or included.endswith(".hpp"):
                        places.append(f"{name}:{number}: <{included}> has no owner in OWNERS")
                    continue
                allowed = "*" in owners or ("*.cc" in owners and name.endswith(".cc")) or any(
                    is_below(name, owner) or is_below(name, "tests/" + owner) for owner in owners)
                if not allowed:
                    places.append(f"{name}:{number}: <{included}> belongs to {', '.join(owners)}")
        self.assert_none(places, "library headers outside of their owner")

    def test_only_lib_file_writes_files(self):
        words = re.compile(r"std::(ofstream|fstream|rename)\b|\bfopen\([^)]*\"[wa]|[^.\w>]::?rename\(|"
                           r"filesystem::(rename|remove|remove_all|create_director\w+)\(")
        self.assert_none([f"{name}:{number}: {line.strip()}" for name in sources(".cc")
                          if not name.startswith(WRITES_FILES)
                          for number, line in enumerate(lines(name), 1) if words.search(line)],
                         "files changed around the seam")

    def test_nothing_is_thrown(self):
        self.assert_none([f"{name}:{number}" for name in sources()
                          for number, line in enumerate(lines(name), 1)
                          if re.match(r"^(?!\s*//)[^\"]*\bthrow\b(?!;)", line.split("//")[0])],
                         "throw (errors are Results; throwing on what was caught is fine)")

    def test_try_does_not_leak(self):
        # Leaving a brace-initialiser half-way, g++ 12 and clang 14 do not destroy what it had made.
        places = []
        for name in sources():
            body = re.sub(r"//.*", "", text(name))
            for found in re.finditer(r"\bTRY\(", body):
                if "," in braced_before(body, found.start()):
                    places.append(f"{name}:{body.count(chr(10), 0, found.start()) + 1}")
        self.assert_none(places, "TRY behind another value inside braces; name the value first")

    def test_files_stay_short(self):
        places = []
        for name in files(".cc", ".h", ".py", ".sh"):
            count, limit = len(lines(name)), FILE_EXCEPTIONS.get(name, FILE_LINES)
            if count > limit:
                places.append(f"{name}: {count} lines, at most {limit}")
        self.assert_none(places, "files that grew too long; split them")

    def test_functions_stay_short(self):
        places = []
        for name in sources(".cc", ".h"):
            for label, first, count in functions(name):
                limit = FUNCTION_EXCEPTIONS.get(f"{name}:{label}", FUNCTION_LINES)
                if count > limit:
                    places.append(f"{name}:{first}: {label} has {count} lines, at most {limit}")
        self.assert_none(places, "functions that grew too long; split them")

    def test_exceptions_of_the_size_rules_only_shrink(self):
        places = [f"{name}: {len(lines(name))} lines now; lower its number or remove it"
                  for name, limit in FILE_EXCEPTIONS.items()
                  if name not in tracked() or len(lines(name)) < limit]
        for key, limit in FUNCTION_EXCEPTIONS.items():
            name, label = key.split(":", 1)
            counts = [count for each, _, count in functions(name) if each == label]
            if not counts or max(counts) < limit:
                places.append(f"{key}: {max(counts, default=0)} lines now; lower its number")
        self.assert_none(places, "exceptions that are no longer needed")

    def test_headers_begin_with_a_comment_and_pragma_once(self):
        self.assert_none([name for name in files(".h")
                          if not text(name).startswith("//") or "\n#pragma once\n" not in text(name)],
                         "headers that do not say what they are")

    def test_scripts_say_what_they_are(self):
        def says(name: str) -> bool:
            rows = [row for row in lines(name) if not row.startswith("#!")]
            return bool(rows) and rows[0].startswith(("#", '"""', 'r"""'))
        self.assert_none([name for name in files(".sh", ".py")
                          if text(name).strip() and not name.endswith("__init__.py")
                          and not says(name)], "scripts without a leading comment")

    def test_every_source_is_in_its_cmake_list(self):
        def is_listed(name: str) -> bool:
            path = Path(name)
            return any(str(path.relative_to(folder)) in text(str(folder / "CMakeLists.txt"))
                       for folder in path.parents if (ROOT / folder / "CMakeLists.txt").exists())
        places = [name for name in files(".cc") if not is_listed(name)]
        self.assert_none(places, "sources that no CMakeLists.txt names")

    def test_tests_mirror_sources(self):
        places = []
        for name in files("_test.cc"):
            folder = folder_of(name)
            if any(is_below(folder, each) for each in UNMIRRORED):
                continue
            if name in NAMED_AFTER_BEHAVIOUR or folder in NAMED_AFTER_BEHAVIOUR:
                continue
            mirrored = Path(folder).relative_to("tests")
            stem = Path(name).name.removesuffix("_test.cc")
            # server_limits_test.cc is a part of what would be too long in server_test.cc.
            tested = {each.stem for each in (ROOT / mirrored).glob("*.h")} | {mirrored.name}
            tested |= {each.stem for each in (ROOT / mirrored).glob("*.cc")}
            if not any(stem == each or stem.startswith(each + "_") for each in tested):
                places.append(f"{name}: there is no {mirrored}/{stem}.h")
        self.assert_none(places, "tests of nothing")

    def test_every_folder_of_sources_has_tests(self):
        folders = {folder_of(name) for name in sources(".cc")} - {"daemon"}
        tested = {folder_of(name).removeprefix("tests/") for name in files("_test.cc")}
        self.assert_none(sorted(folders - tested), "folders without a test")

    def test_nothing_is_left_for_later(self):
        word = re.compile(r"(?<!\")\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
        self.assert_none([f"{name}:{number}" for name in tracked() if not name.endswith((".json", ".png"))
                          for number, line in enumerate(lines(name), 1) if word.search(line)],
                         "notes to oneself")

    def test_nothing_names_a_machine(self):
        places = re.compile(r"(?<![\w.])/(" + "|".join(["ro" + "ot", "wo" + "rk"]) + r")\b"
                            r"|(?<![\w-])sha" + r"red/\w|/ho" + r"me/\w")
        self.assert_none([f"{name}:{number}: {line.strip()[:100]}" for name in tracked()
                          for number, line in enumerate(lines(name), 1) if places.search(line)],
                         "paths of somebody's machine")

    def test_text_is_clean(self):
        bad = []
        for name in files(".cc", ".h", ".py", ".sh", ".md", ".txt", ".yaml", "Makefile"):
            body = text(name)
            if body and not body.endswith("\n"):
                bad.append(f"{name}: no newline at the end")
            bad += [f"{name}:{number}: blank at the end of the line"
                    for number, line in enumerate(body.splitlines(), 1) if line != line.rstrip()]
        self.assert_none(bad, "untidy text")


if __name__ == "__main__":
    unittest.main()
