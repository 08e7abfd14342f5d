"""The options, the run and the end of every command over many pictures."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from forensics_keras.command_line import ExitCode, nonempty_path
from forensics_keras.terminal import counted, printable

if TYPE_CHECKING:
    from forensics_keras.batch.job import BatchJob


@dataclass(frozen=True)
class BatchRun:
    """What the command line says about the pictures and the output folder.

    Attributes:
        paths: Files and folders, see `find_sources`.
        out: Output folder.
        overwrite: Whether outputs that exist are made again, and other files replaced.
    """

    paths: tuple[str, ...]
    out: Path
    overwrite: bool = False

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Adds what every command over pictures has: PATH..., -o OUT and --overwrite."""
        parser.add_argument(
            "paths", nargs="+", metavar="PATH", help="Picture or folder of pictures"
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

    @classmethod
    def of(cls, options: argparse.Namespace) -> BatchRun:
        """Reads what a parser with these arguments gave."""
        return cls(tuple(options.paths), options.output, options.overwrite)

    def execute(self, job: BatchJob) -> ExitCode:
        """Runs a job over the pictures and prints what became of them.

        Args:
            job: What to do with each picture.

        Returns:
            The exit code of the command.

        Raises:
            ValueError: The folder has a `report.jsonl` of something else, or `job.load` raises it.
            OSError: The report cannot be read or written, or `job.load` raises it.
        """
        from forensics_keras.batch.run import run  # imports NumPy and Pillow

        counts = run(job, self.paths, self.out, self.overwrite)
        found = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
        report = printable(self.out / "report.jsonl")
        print(f"{counted(counts.total(), 'input')}: {found}; see {report}")
        return ExitCode.SOME_FAILED if counts["failed"] else ExitCode.DONE
