"""The former name of `datasets.photographs.selection`."""

from datasets.photographs.selection import (
    PAPER_COUNTS,
    Selection,
    read_selection,
    select,
    write_selection,
)

__all__ = ["PAPER_COUNTS", "Selection", "read_selection", "select", "write_selection"]
