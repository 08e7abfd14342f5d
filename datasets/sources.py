"""The former name of `datasets.photographs.sources`."""

from datasets.photographs.sources import (
    SOURCES,
    SPLITS,
    bundled_photographs,
    find_pictures,
    list_photographs,
    photographs_of,
)

__all__ = [
    "SOURCES",
    "SPLITS",
    "bundled_photographs",
    "find_pictures",
    "list_photographs",
    "photographs_of",
]
