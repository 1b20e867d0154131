"""Run the chapters' Colab copies without Colab: `make colab`.

A fresh environment outside the repository holds what a Colab machine has of its own: torch, torchvision, numpy,
matplotlib, a kernel and pip. Each copy starts from there: its first cell installs the library from this checkout's
tracked files, the other cells run on in the same kernel, and no package that was there may have another version.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from colab_copies import CHAPTERS, write_copies
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
HELD = ["torch", "torchvision", "numpy", "matplotlib", "ipykernel"]
KERNEL = "colab-copy"


def copy_checkout(folder: Path) -> Path:
    """Copy the repository's tracked files as they stand, since pip leaves its build where it builds."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():  # not deleted
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


class Environment:
    """A fresh virtual environment in ``folder``, with a kernel named `KERNEL`, that holds ``packages``."""

    def __init__(self, uv: str, folder: Path, packages: list[str]):
        self.uv, self.python, self.share = uv, folder / "bin" / "python", folder / "share" / "jupyter"
        subprocess.run([uv, "venv", "--quiet", "--seed", "--python", sys.executable, folder], check=True)
        self.pip("install", *packages)
        command = [self.python, "-m", "ipykernel", "install", "--prefix", folder, "--name", KERNEL]
        subprocess.run(command, check=True, capture_output=True)
        self.start = folder / "start.txt"
        self.start.write_text("\n".join(self.held()))

    def pip(self, command: str, *words: str | Path) -> str:
        call = [self.uv, "pip", command, "--quiet", "--python", self.python, *words]
        return subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True).stdout

    def held(self) -> list[str]:
        """What is installed, one "name==version" a package."""
        return self.pip("freeze").splitlines()

    def reset(self) -> None:
        """Take out what came after the start."""
        self.pip("sync", self.start)


def faults(before: list[str], after: list[str]) -> list[str]:
    """What a copy's install did wrong; each argument has one "name==version" a package."""
    changed = [f"{package} was changed or removed" for package in sorted(set(before) - set(after))]
    installed = any(package.startswith("xstitch-lib") for package in after)
    return changed if installed else [*changed, "xstitch_lib was not installed"]


def run(copy: Path, environment: Environment) -> str:
    """Run a copy from the environment's start; returns what to tell.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell fails.
        RuntimeError: if its install changed a package that was there, or did not install the library.
    """
    environment.reset()
    before, started = environment.held(), time.perf_counter()
    where = {"metadata": {"path": copy.parent}}
    NotebookClient(nbformat.read(copy, 4), timeout=600, kernel_name=KERNEL, resources=where).execute()
    after = environment.held()
    if found := faults(before, after):
        raise RuntimeError(
            f"{copy.name} must install the library and leave what Colab has alone; {'; '.join(found)}: "
            "loosen the bounds in pyproject.toml"
        )
    held = ", ".join(package for package in after if package.split("==")[0] in HELD)
    return f"{copy.name}: ran in {time.perf_counter() - started:.0f} s; {len(after) - len(before)} added to {held}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapters", nargs="*", type=Path, default=CHAPTERS, help="notebooks; all of book/ without it")
    parser.add_argument("--held", nargs="+", default=[], help="more to hold from the start: numpy==2.0.2 ...")
    parser.add_argument("--uv", default="uv", help="the program uv")
    words = parser.parse_args()
    with TemporaryDirectory(prefix="xstitch-colab-") as name:
        folder = Path(name)
        copies = write_copies(folder / "copies", copy_checkout(folder / "checkout").as_uri(), words.chapters)
        environment = Environment(words.uv, folder / "venv", [*HELD, *words.held])
        os.environ.pop("PYTHONPATH", None)  # a copy must install the library, not find it
        os.environ["JUPYTER_PATH"] = str(environment.share)
        for copy in copies:
            print(run(copy, environment), flush=True)


if __name__ == "__main__":
    main()
