"""Write the chapters' Colab copies, whose first cell installs the library from elsewhere.

python tools/colab_copies.py FOLDER SOURCE, where SOURCE is what pip takes after "@":
git+https://github.com/OWNER/NAME@REF in .github/workflows/publish.yml, file:///PATH in tools/check_colab.py.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

CHAPTERS = sorted((Path(__file__).parents[1] / "book").glob("*.ipynb"))
INSTALL = '%pip install -q "..[notebooks]"'


def colab_copy(chapter: Path, source: str) -> bytes:
    """A chapter that installs the library from ``source``; every other byte is the chapter's own.

    Raises:
        ValueError: unless `INSTALL` stands in the first code cell and nowhere else.
    """
    text = chapter.read_bytes().decode()
    old, new = (json.dumps(line)[1:-1] for line in (INSTALL, f'%pip install -q "xstitch_lib[notebooks] @ {source}"'))
    first = next(("".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "code"), "")
    if INSTALL not in first or text.count(old) != 1:
        raise ValueError(
            f"{chapter.name} needs the line {INSTALL} once, in its first code cell; found it {text.count(old)} times, "
            f"and the first code cell is {first!r}: copy another chapter's first cell"
        )
    return text.replace(old, new).encode()


def write_copies(folder: Path, source: str, chapters: Sequence[Path] = CHAPTERS) -> list[Path]:
    """Write the copies of ``chapters`` to ``folder``, or none if one cannot be made.

    Raises:
        ValueError: for a chapter without the install line.
    """
    copies = {folder / chapter.name: colab_copy(chapter, source) for chapter in chapters}
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in copies.items():
        path.write_bytes(content)
    return list(copies)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("source")
    words = parser.parse_args()
    try:
        write_copies(words.folder, words.source)
    except ValueError as error:
        sys.exit(str(error))
