"""Commands over many pictures: files and folders in, files and a report out, able to go on.

A `BatchJob` says what is made of one picture; `run` finds the pictures, names the outputs, keeps
`OUT/report.jsonl`, and sees to it that

* a command that was interrupted goes on where it stopped;
* outputs of another picture or other settings are never passed off as current nor replaced unless
  asked, nor are files that no report line knows; an input is never replaced at all;
* outputs that were emptied or damaged since are made again;
* one command at a time writes into a folder;
* a bad input is one line on stderr and in the report, has no outputs, and the others go on.

Of inputs that would share a name the first one gets it, the next ones `a/b.jpg`, `a/b.jpg-2` and so
on in place of `a/b`; names that an earlier run gave are kept, because the report remembers which
input, by absolute path, has which outputs.
"""

from typing import TYPE_CHECKING

from forensics_keras.lazy import load_when_asked

if TYPE_CHECKING:
    from forensics_keras.batch.command import BatchRun
    from forensics_keras.batch.inputs import Source, assign_names, find_sources, output_files
    from forensics_keras.batch.job import BatchJob, Made, Presentation
    from forensics_keras.batch.report import Report
    from forensics_keras.batch.run import BatchResult, read_picture, run

__all__ = [
    "BatchJob",
    "BatchResult",
    "BatchRun",
    "Made",
    "Presentation",
    "Report",
    "Source",
    "assign_names",
    "find_sources",
    "output_files",
    "read_picture",
    "run",
]

load_when_asked(
    __name__,
    {
        "BatchJob": "forensics_keras.batch.job",
        "BatchResult": "forensics_keras.batch.run",
        "BatchRun": "forensics_keras.batch.command",
        "Made": "forensics_keras.batch.job",
        "Presentation": "forensics_keras.batch.job",
        "Report": "forensics_keras.batch.report",
        "Source": "forensics_keras.batch.inputs",
        "assign_names": "forensics_keras.batch.inputs",
        "find_sources": "forensics_keras.batch.inputs",
        "output_files": "forensics_keras.batch.inputs",
        "read_picture": "forensics_keras.batch.run",
        "run": "forensics_keras.batch.run",
    },
)
