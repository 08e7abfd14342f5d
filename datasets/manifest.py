"""What was built: the lines that say what each pair of a data set is made of."""

import json
from pathlib import Path

from forensics_keras.files import write_atomically


class Manifest:
    """`manifest.jsonl`: one line for each pair of the data set, in order.

    Args:
        path: The file.
        unit: Pairs that belong together; what a stop left of a last, incomplete unit is dropped.
        count: Pairs in all, whose last unit may be smaller.
    """

    def __init__(self, path: Path, unit: int, count: int):
        self.path = path
        self.records = self._complete_records(unit, count)
        text = "".join(self._line(record) for record in self.records)
        write_atomically(path, text.encode())

    def _complete_records(self, unit: int, count: int) -> list[dict]:
        lines = self.path.read_bytes().split(b"\n")[:-1] if self.path.exists() else []
        complete = count if len(lines) == count else len(lines) // unit * unit
        return [json.loads(line) for line in lines[:complete]]

    @staticmethod
    def _line(record: dict) -> str:
        return json.dumps(record) + "\n"

    def append(self, records: list[dict]) -> None:
        with self.path.open("ab") as file:
            file.write("".join(map(self._line, records)).encode())
        self.records += records

    def unreadable(self) -> list[str]:
        """Says what is wrong with each photograph that was passed over, sorted."""
        return sorted({what for record in self.records for what in record.get("unreadable", ())})
