"""The tables about MaLP: of the paper, and beyond it, each by one command.

    python evaluate.py malp --table 9 --corpora CORPORA --out runs/tables

`specs` says which trainings are in each table, `trainings` makes those that have no weights yet,
`experiments` has the tables that need no training, and `report` turns what
`measuring_malp` measured into tables.
"""
