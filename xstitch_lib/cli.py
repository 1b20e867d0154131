"""`xstitch`: list, run, show and verify studies from a shell or a cluster job."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from xstitch_lib.results import record
from xstitch_lib.studies import STUDIES, Study
from xstitch_lib.studies.queue import default_jobs, finish
from xstitch_lib.studies.verify import lacking, verify


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line; see ``xstitch --help``."""
    options = _parser().parse_args(words)
    try:
        options.command(options)
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(f"xstitch: {error}") from error


def list_studies(options: argparse.Namespace) -> None:
    for study in STUDIES.values():
        recorded = []
        for scale in study.scales:
            if (path := record.path_of(study.name, scale)).exists():
                to_come = len(record.Record(json.loads(path.read_text())).missing)  # unchecked: it is quick
                recorded.append(f"{scale} ({to_come} runs to come)" if to_come else scale)
        print(f"{study.name:17} {study.question}\n{'':17} recorded: {', '.join(recorded) or 'not yet'}")


def run(options: argparse.Namespace) -> None:
    studies = [STUDIES[name] for name in options.studies]
    wanted = {}
    for study in studies:
        own = study.scale(options.scale).seeds
        wanted[study.name] = tuple(options.seeds or own)
        if options.to == record.FOLDER and not {*wanted[study.name]} <= {*own}:
            raise ValueError(
                f"records of {study.name} have the seeds {list(own)}, fixed beforehand; got {options.seeds}: "
                "choose among them, or give --to another folder"
            )
    before = {study.name: _before(study, options) for study in studies}

    def keep() -> list[str]:
        return [_keep(study, options, wanted[study.name], before[study.name]) for study in studies]

    keep()  # what an earlier call left
    try:
        for seeds in {*wanted.values()}:
            some = [study for study in studies if wanted[study.name] == seeds]
            finish(some, options.scale, seeds, options.folder, options.jobs or default_jobs(), keep)
    finally:
        print("\n".join(keep()))


def _before(study: Study, options: argparse.Namespace) -> record.Record | None:
    """The record that is there, if one is; the runs of one that lacks some, or a new arm, are taken over."""
    if not record.path_of(study.name, options.scale, options.to).exists():
        return None
    found = record.load(study.name, options.scale, options.to)
    if found.missing or {*study.names(options.scale)} - {*found.content["arms"]}:
        study.take_over(found, options.folder)
    return found


def _keep(study: Study, options: argparse.Namespace, wanted: Sequence[int], before: record.Record | None) -> str:
    """Write the runs that are finished, and tell; a record is not replaced by one that lacks more of its runs."""
    seeds = {*study.scale(options.scale).seeds, *wanted, *(before.seeds if before else ())}
    if not any([seeds & {*study.finished(arm, options.scale, options.folder)} for arm in study.names(options.scale)]):
        return f"{study.name}: no run is finished yet"
    content = study.record(options.scale, options.folder)
    content["cells"] = [cell for cell in content["cells"] if cell["seed"] in seeds]  # the folder may hold others
    found = record.Record(content)
    if before and len(found.missing) > len(before.missing):
        path = record.path_of(study.name, options.scale, options.to)
        return f"{path} has more runs and stays as it is: of a new one {len(found.missing)} are to come"
    return f"{found} in {record.save(found.content, options.to)}"


def show(options: argparse.Namespace) -> None:
    found = record.load(options.study, options.scale, options.to)
    means = found.table.pivot_table("value", ["task", "arm"], "metric", sort=False)
    print(f"{found}: {found.content['question']}\n{means.round(2).to_string(na_rep='')}")
    print(found.provenance.drop(columns=["arm", "seed", "seconds"]).value_counts(dropna=False).to_string())


def verify_record(options: argparse.Namespace) -> None:
    different, found = 0, record.load(options.study, options.scale, options.to)
    if missing := lacking(found):
        print(missing, flush=True)
    for line in verify(found, options.arms, options.seeds):
        print(line, flush=True)
        different += not line.endswith(": equal")
    if different:
        raise SystemExit(f"{different} of the cells differ" + (f"; {missing}" if missing else ""))


def seeds(text: str) -> list[int]:
    """Seeds as words: "0-7", or "0,3,5"."""
    if "-" in text:
        first, last = text.split("-")
        return list(range(int(first), int(last) + 1))
    return [int(word) for word in text.split(",")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("xstitch", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    place = {"type": Path, "default": record.FOLDER, "help": "folder of the records"}

    listed = commands.add_parser("list", help="the studies, and what is recorded")
    listed.set_defaults(command=list_studies)

    ran = commands.add_parser("run", help="run studies, or go on with them, and record each run as it ends")
    ran.add_argument("studies", nargs="+", choices=STUDIES, metavar="STUDY")
    ran.add_argument("--scale", default="small")
    ran.add_argument("--seeds", type=seeds, help="0-7, or 0,3,5; the study's own where not given")
    ran.add_argument("--jobs", type=int, help="processes; one a core where not given")
    ran.add_argument("--folder", type=Path, default=Path("runs"), help="keeps what is finished")
    ran.add_argument("--to", **place)
    ran.set_defaults(command=run)

    shown = commands.add_parser("show", help="a recorded study")
    shown.add_argument("study", choices=STUDIES, metavar="STUDY")
    shown.add_argument("--scale", default="small")
    shown.add_argument("--to", **place)
    shown.set_defaults(command=show)

    verified = commands.add_parser("verify", help="run recorded cells again and compare")
    verified.add_argument("study", choices=STUDIES, metavar="STUDY")
    verified.add_argument("--scale", default="small")
    verified.add_argument("--arms", nargs="+", help="all where not given")
    verified.add_argument("--seeds", type=seeds, help="all where not given")
    verified.add_argument("--to", **place)
    verified.set_defaults(command=verify_record)
    return parser


if __name__ == "__main__":
    main()
