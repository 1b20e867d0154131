"""Where a result comes from."""

import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import torch

LIBRARY = Path(__file__).parents[1]


def provenance() -> dict[str, str | int]:
    """Commit, command, device, threads, versions and time of this process.

    "commit" ends in "+changes" where the library differs from it, and is "unknown" outside a repository.
    """
    return {
        "commit": commit(),
        "command": command(sys.argv),
        "device": device(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def command(words: Sequence[str]) -> str:
    """What was called, without the folder of its checkpoints: where that lies is a matter of one machine.

    >>> command(["/usr/bin/xstitch", "run", "table5", "--folder", "/somewhere", "--jobs", "2"])
    'xstitch run table5 --jobs 2'
    """
    named = [i for i, word in enumerate(words) if word == "--folder"]
    left_out = {*named, *[i + 1 for i in named]}
    told = [word for i, word in enumerate(words) if i not in left_out and not word.startswith("--folder=")]
    return " ".join([Path(told[0]).name, *told[1:]])


@cache
def commit(library: Path = LIBRARY) -> str:
    """The commit the library stands at; what a process asked first, it keeps, since it has loaded that code."""

    def git(*words: str) -> str:
        found = subprocess.run(["git", "-C", str(library), *words], capture_output=True, text=True, check=True)
        return found.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # an installed copy may lie in another repository
        changed = git("status", "--porcelain", "--", ".", ":(exclude)recorded")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def device() -> str:
    """The accelerator's or processor's name."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    name = _cpuinfo("model name") or platform.processor() or platform.machine()
    return f"CPU {name} ({torch.backends.cpu.get_cpu_capability()})"


def has_bf16() -> bool:
    """Whether bf16 is a gain here: on an accelerator, or a processor that multiplies it in hardware."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return any([flag in _cpuinfo("flags") for flag in ("avx512_bf16", "amx_bf16")])


def _cpuinfo(name: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith(name))
    except (OSError, StopIteration):
        return ""
