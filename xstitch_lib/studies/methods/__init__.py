"""How networks are built and trained, one file a method."""

import importlib
import pkgutil

from xstitch_lib.studies.methods.method import Method, Trained

for _file in pkgutil.iter_modules(__path__):  # so that records find every method by its name
    importlib.import_module(f"{__name__}.{_file.name}")

__all__ = ["Method", "Trained"]
