"""The tables of the IRL-Net paper, and two more, each by one command.

    python evaluate.py irl --table 1 --corpora CORPORA --out runs/tables

`specs` says what is in each table, `trainings` trains the networks that have no weights yet,
`measured` measures all of them on the same pictures, and `report` writes the tables beside the
paper's numbers, which are in `paper.json`.
"""
