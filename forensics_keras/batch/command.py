"""The options, the run and the end of every command over many pictures."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from forensics_keras.command_line import ExitCode, nonempty_path
from forensics_keras.terminal import counted, printable

if TYPE_CHECKING:
    from forensics_keras.batch.job import BatchJob
    from forensics_keras.batch.run import BatchResult

REPORTS = ("html", "csv", "pdf")
NAMED = 20
"""Inputs that the end of a command names; the report has all."""


@dataclass(frozen=True)
class BatchRun:
    """What the command line says about the pictures and the output folder.

    Attributes:
        paths: Files, folders and patterns, see `given_paths`.
        out: Output folder.
        overwrite: Whether outputs that exist are made again, and other files replaced.
        reports: Kinds of reports for people, of `REPORTS`.
        json: Whether the report lines go to stdout, and all else to stderr.
    """

    paths: tuple[str, ...]
    out: Path
    overwrite: bool = False
    reports: tuple[str, ...] = ()
    json: bool = False

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
        """Adds what every command over pictures has; returns the group about the output."""
        parser.add_argument(
            "paths",
            nargs="+",
            metavar="PATH",
            help="Picture, folder of pictures, or quoted pattern ('photos/**/*.JPG'); "
            "- reads paths from stdin, one a line",
        )
        output = parser.add_argument_group("output")
        output.add_argument(
            "-o", "--output", type=nonempty_path, required=True, metavar="OUT", help="Output folder"
        )
        output.add_argument(
            "--overwrite",
            action="store_true",
            help="Make outputs again that exist already, and replace other files of their names",
        )
        output.add_argument(
            "--json",
            action="store_true",
            help="Write the report lines to stdout, and everything else to stderr",
        )
        return output

    @staticmethod
    def add_reports(output: argparse._ArgumentGroup) -> None:
        """Adds --report, for commands whose jobs have a `presentation`."""
        output.add_argument(
            "--report",
            action="append",
            choices=REPORTS,
            default=[],
            help="Also write OUT/report.html (one page with pictures, to look at and to send), "
            "OUT/report.csv or OUT/report.pdf; may be given several times",
        )

    @classmethod
    def of(cls, options: argparse.Namespace) -> BatchRun:
        """Reads what a parser with these arguments gave."""
        reports = tuple(dict.fromkeys(getattr(options, "report", ())))
        return cls(tuple(options.paths), options.output, options.overwrite, reports, options.json)

    def execute(self, job: BatchJob) -> ExitCode:
        """Runs a job over the pictures and prints what became of them.

        Args:
            job: What to do with each picture.

        Returns:
            The exit code of the command.

        Raises:
            ValueError: The folder has a `report.jsonl` of something else, or `job.load` raises it,
                or a report cannot be made.
            OSError: The report cannot be read or written, or `job.load` raises it.
        """
        from forensics_keras.batch.inputs import given_paths  # imports NumPy and Pillow
        from forensics_keras.batch.run import run
        from forensics_keras.reports import check_reports, write_reports

        check_reports(self.reports, self.out, self.overwrite)
        with contextlib.redirect_stdout(sys.stderr) if self.json else contextlib.nullcontext():
            result = run(job, given_paths(self.paths), self.out, self.overwrite)
            written = write_reports(self.reports, self.out, job, result)
            self._say(job, result, written)
        if self.json:
            for line in result.lines:
                print(json.dumps(line, allow_nan=False))
        return ExitCode.SOME_FAILED if result.counts["failed"] else ExitCode.DONE

    def _say(self, job: BatchJob, result: BatchResult, written: list[Path]) -> None:
        """Prints the end: what was found, worst first, and what was not looked at."""
        done = [line for line in result.lines if "error" not in line]
        alarms = [line for line in done if job.outcome(line) in job.alarms]
        alarms.sort(key=job.suspicion, reverse=True)
        if alarms:
            print("worst first:")
        for line in alarms[:NAMED]:
            print(f"  {printable(line['path'])}: {job.finding(line)}")
        if len(alarms) > NAMED:
            print(f"  and {len(alarms) - NAMED:,} more")
        found = ", ".join(f"{number:,} {what}" for what, number in sorted(result.counts.items()))
        files = ", ".join(printable(file) for file in (self.out / "report.jsonl", *written))
        print(f"{counted(result.counts.total(), 'input')}: {found}; see {files}")
        if result.passed_over:
            kinds = sorted(result.passed_over.items())
            listed = ", ".join(f"{number:,} {kind}" for kind, number in kinds)
            print(f"passed over in the folders: {listed}")
