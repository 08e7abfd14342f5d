"""Measuring of methods, and the tables of both papers; `evaluate.py` is their command line."""
