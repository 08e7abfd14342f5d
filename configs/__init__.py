"""Experiments, one short file each; the docstring of each holds the command that runs it."""
