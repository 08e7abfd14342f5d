"""The tables of both papers, and more, each by one command.

    python evaluate.py irl --table 1 --corpora CORPORA --out runs/tables
    python evaluate.py malp --table 9 --corpora CORPORA --out runs/tables

`core` has what all tables share: rows, trainings, plans. `irl` and `malp` say what is in each, and
`security` and `speed` measure what two tables of MaLP need besides; the papers' numbers are in
`paper.json`.
"""
