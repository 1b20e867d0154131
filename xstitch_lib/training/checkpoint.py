"""Stop anywhere, go on as if nothing had happened: the file that `fit` resumes from."""

import contextlib
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from xstitch_lib.data.source import Source
from xstitch_lib.files import replacing

FORMAT = "xstitch_lib checkpoint 3"


class CheckpointError(ValueError):
    """A file that is no checkpoint of this run."""


class Checkpoint:
    """A run's state on disk.

    Args:
        path: the file; None, nothing is ever written. A folder is a ValueError, as is "".
        made_with: what must be equal for a resumed run to end where an uninterrupted one does, as text.
        parts: name → what has ``state_dict`` and ``load_state_dict``.
        shorter: a number of steps → those settings as they would be in a run of so many, which may be made longer.

    In several processes all call `restore` and `save`; the main one writes.
    """

    def __init__(
        self,
        path: str | Path | None,
        made_with: Mapping[str, str],
        parts: Mapping[str, Any],
        accelerator: Accelerator,
        shorter: Callable[[int], Mapping[str, Any]] | None = None,
    ):
        self.path = None if path is None else Path(path)
        if self.path is not None and self.path.is_dir():  # "" is the working folder
            raise ValueError(
                f"resume must be the path of a file, or None for no checkpoint; got the folder {str(path)!r}"
            )
        self.made_with, self.parts, self.accelerator = dict(made_with), parts, accelerator
        self.shorter = shorter

    def restore(self) -> int:
        """Load the file into the parts and return how many steps are done; 0 if there is no file yet.

        Raises:
            CheckpointError: if the file is damaged, is not a checkpoint, or comes from another run.
        """
        if self.path is None or not self.path.exists():
            return 0
        state = _read(self.path)
        old, new = state["made_with"], self._as_long_as(state["made_with"])
        differing = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        if differing:
            found = "; ".join([f"{key} was {old.get(key)}, is {new.get(key)}" for key in differing[:3]])
            raise CheckpointError(
                f"{self.path} belongs to another run ({found}): repeat that run's call, or give resume= another file"
            )
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        return state["step"]

    def _as_long_as(self, old: Mapping[str, str]) -> dict[str, str]:
        """What this run would be made with if it had the steps of an older, shorter one."""
        steps, now = old.get("steps", ""), self.made_with.get("steps", "")
        if self.shorter is None or not (steps.isdigit() and now.isdigit() and int(steps) < int(now)):
            return self.made_with
        return self.made_with | {name: _text(value) for name, value in self.shorter(int(steps)).items()}

    def save(self, step: int) -> None:
        """Write everything, so that the file is at any moment the old or the new one, never half of it."""
        if self.path is None:
            return
        state = {name: part.state_dict() for name, part in self.parts.items()}
        if self.accelerator.is_main_process:
            _write(self.path, {"format": FORMAT, "made_with": self.made_with, "step": step, **state})
        self.accelerator.wait_for_everyone()


class RandomState:
    """Torch's global generators, and the thread count, on which sums' last bits depend."""

    def __init__(self, accelerator: Accelerator):
        self.accelerator, self.begun_with = accelerator, torch.get_num_threads()

    def state_dict(self) -> dict[str, Any]:
        device, gather = self.accelerator.device, self.accelerator.gather
        states = [torch.get_rng_state()] + ([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])
        return {
            "threads": torch.get_num_threads(),
            "generators": [gather(state.to(device)[None]).cpu() for state in states],  # (processes, bytes)
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.begun_with = state["threads"]
        # clone: set_rng_state of a view crashes the process
        processes, rank = len(state["generators"][0]), self.accelerator.process_index
        if processes != self.accelerator.num_processes:
            warnings.warn(
                f"this run was begun in {processes} processes and goes on in {self.accelerator.num_processes}: not bit "
                "for bit, for sums are in another order and dropout draws other numbers",
                stacklevel=3,
            )
        if rank >= processes:
            return  # this process keeps its own seed
        own = [states[rank].clone() for states in state["generators"]]
        torch.set_rng_state(own[0])
        if len(own) > 1:
            torch.cuda.set_rng_state(own[1], self.accelerator.device)

    def go_on(self) -> None:
        """Take as many threads as the run was begun with."""
        if self.begun_with != torch.get_num_threads():
            warnings.warn(
                f"this run was begun with {self.begun_with} threads and goes on with as many, in place of "
                f"{torch.get_num_threads()}: sums depend on it",
                stacklevel=3,
            )
        torch.set_num_threads(self.begun_with)


@contextlib.contextmanager
def own_random_state(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators inside; give the caller's, and its thread count, back after."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def describe(settings: Mapping[str, Any], net: nn.Module, tasks: Mapping[str, Any], **data: Source) -> dict[str, str]:
    """What a checkpoint is made with: the settings, the parameters' names and shapes, the tasks, each data set."""
    return {
        **{name: _text(value) for name, value in settings.items()},
        **{f"task {name}": _text(task) for name, task in tasks.items()},
        **{use: source.fingerprint() for use, source in data.items()},
        **{f"parameter {name}": str(tuple(tensor.shape)) for name, tensor in net.state_dict().items()},
    }


def _text(value: Any) -> str:
    if isinstance(value, Tensor):
        return _fingerprint(value)
    if callable(value) or not (is_dataclass(value) or type(value).__module__ == "builtins"):
        return getattr(value, "__qualname__", type(value).__qualname__)  # a repr could hold an address
    return repr(value)


def _fingerprint(tensor: Tensor) -> str:
    content = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    return f"{tuple(tensor.shape)} {tensor.dtype} {zlib.crc32(content):08x}"


def _write(path: Path, state: Mapping[str, Any]) -> None:
    with replacing(path) as file:
        torch.save(dict(state), file)


def _read(path: Path) -> dict[str, Any]:
    damaged = f"{path} cannot be read as a checkpoint of fit: delete it to start over, or give resume= another file"
    try:
        with zipfile.ZipFile(path) as file:
            if file.testzip() is not None:  # torch.load does not look at the checksums
                raise zipfile.BadZipFile("wrong checksum")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        raise CheckpointError(f"{damaged} ({type(error).__name__})") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(damaged)
    return state
