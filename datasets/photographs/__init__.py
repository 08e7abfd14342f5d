"""Pristine photographs: where they come from, their parts, and selections of them.

* `sources`: how the rest of the repository asks for photographs; plain folders, bundled samples.
* `places2`, `celeba`: two published data sets, by their official lists.
* `file_lists`: what these share, reading lists and checking that the pictures are there.
* `selection`: photographs drawn from a source once, and written down for everybody.
"""
