"""The tables of both papers, and more: `python evaluate.py irl|malp --table NAME`.

`core` has what all tables share: rows, trainings, plans. `tables.json` says what is in each, with
the papers' numbers; `irl` and `malp` make the tables of it, with `security` and `speed`.
"""
