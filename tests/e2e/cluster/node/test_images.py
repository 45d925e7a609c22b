#!/usr/bin/env python3
"""Images that pods of the tests run, as archives: pause (which holds a pod together) and busybox.

test_images.py DIR
"""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "images"))
import archive  # noqa: E402
from contents import Entry, output  # noqa: E402

BUSYBOX = "/bin/busybox"


def pause(folder: Path) -> list[Entry]:
    program = folder / "pause"
    subprocess.run(["gcc", "-Os", "-static", "-s", "-o", str(program), str(HERE / "pause.c")], check=True)
    return [Entry("pause", program.read_bytes(), mode=0o755)]


def busybox() -> list[Entry]:
    applets = [each for each in output(BUSYBOX, "--list").split() if each != "busybox"]
    return [Entry("bin/busybox", Path(BUSYBOX).read_bytes(), mode=0o755), Entry("tmp", mode=0o1777),
            Entry("etc/passwd", b"root:x:0:0:root:/:/bin/sh\n"),
            *(Entry(f"bin/{each}", link="busybox") for each in applets)]


def main() -> None:
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        images = {"pause": (pause(Path(scratch)), {"Entrypoint": ["/pause"], "User": "65535:65535"}),
                  "busybox": (busybox(), {"Cmd": ["sh"], "Env": ["PATH=/bin"]})}
    for name, (entries, config) in images.items():
        archive.write(target / f"{name}.tar", f"localhost/{name}:test", output("dpkg", "--print-architecture").strip(),
                      config, [archive.layer(entries)], "1970-01-01T00:00:00Z")


if __name__ == "__main__":
    main()
