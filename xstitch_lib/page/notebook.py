"""What a chapter needs besides the subject: library code shown as it is, numbers handed to the prose."""

import inspect
import textwrap
from collections.abc import Mapping

from IPython.display import Markdown, display

from xstitch_lib.results.record import Record


def show_source(*objects: object) -> None:
    """Show the source of functions, methods or classes, read from the library itself."""
    code = "\n\n".join(textwrap.dedent(inspect.getsource(o)).rstrip() for o in objects)
    display(Markdown(f"```python\n{code}\n```"))


def glue(name: str, text: str) -> None:
    """Give ``text`` to the prose, where ``{glue:text}`name` `` shows it; outside the book, print it."""
    try:
        from myst_nb import glue as book_glue
    except ModuleNotFoundError:  # Colab, a plain Jupyter
        print(f"{name}: {text}")
    else:
        book_glue(name, text, display=False)


def glue_all(texts: Mapping[str, str]) -> None:
    """`glue` each text under its name: what a function of `xstitch_lib.studies.reports` says."""
    for name, text in texts.items():
        glue(name, text)


def show_table(frame, index: bool = False, of: Record | None = None) -> None:
    """Show a DataFrame as a Markdown table, which follows the page's theme; no line breaks between ± and its number.

    Args:
        of: the record it was read from, told in a line below; `show_provenance` tells all of it.
    """
    display(Markdown(frame.to_markdown(index=index, disable_numparse=True).replace("± ", "±\N{NO-BREAK SPACE}")))
    if of is not None:
        content, devices = of.content, ", ".join(of.provenance.device.unique())
        command = f"`xstitch run {content['study']} --scale {content['scale']}`"
        rest = 'Page "Costs and choices" has commit, data and machine'
        display(Markdown(f"*Recorded by {command}: {_runs(of)}. {devices}. {rest}.*"))


VERDICTS = """
*A cell has the verdict, the mean gain and its 95 % interval over training seeds; + is on the claim's side.
**Supported** and **contradicted**: surely on one side of zero, or of the number that the claim names, after correction
(Holm) over all comparisons that the sentence rests on. **No effect of note**: within ± the bound in the last column,
half of what is reported, set {when} these records. **Undecided**: all the rest. Runs that diverged count
against their arm. A source is a section or table of the paper, the re-implementation's README, or "ours". Page
"Verdict" has the rules in full.*
"""


def show_verdicts(verdicts, beforehand: bool = False) -> None:
    """Show what `xstitch_lib.studies.claims.verdicts` found, and how to read it.

    Args:
        beforehand: whether the bounds of a gain of note are older than the records.
    """
    show_table(verdicts)
    display(Markdown(VERDICTS.format(when="before" if beforehand else "after")))


def show_provenance(record: Record) -> None:
    """Say where a recorded study comes from, all of it."""
    cells, settings = record.provenance, record.content["settings"]
    commits = ", ".join([f"`{c[:8]}{c[40:]}`" for c in cells.commit.unique()])
    commands = ", ".join([f"`{command}`" for command in cells.command.unique()])
    found = [f"{name} {digest}" for cell in record.content["cells"] for name, digest in cell.get("data", {}).items()]
    data = ", ".join(dict.fromkeys(found))
    precision = " and ".join({"no": "float32"}.get(name, name) for name in cells.precision.unique())
    lines = [
        f"{_runs(record)}, {cells.seconds.sum() / 60:.0f} process-minutes",
        f"{', '.join(cells.device.unique())}, {', '.join(map(str, cells.threads.unique()))} thread(s) a process",
        f"precision {precision}, torch {', '.join(cells.torch.unique())}",
        f"commit {commits}, {cells.date.min()}, {commands}",
        f"data ({settings['world']}, SHA-256): {data}",
    ]
    parts = {name for cell in record.content["cells"] for name in cell.get("data", {})}
    if "features" in parts and "fc" not in parts:  # of towers that start from ImageNet
        lines.append("fc6 and fc7 started at random, only the convolutions from ImageNet")
    name = f"{record.content['study']}, {record.content['scale']}"
    display(Markdown(f"**{name}.** {'. '.join(lines)}."))


def _runs(record: Record) -> str:
    made, missing = len(record.content["cells"]), len(record.missing)
    runs = f"{made} of {made + missing} runs, the others are to come" if missing else f"{made} runs"
    return f"{runs}, seeds {', '.join(map(str, record.seeds))}"
