"""The trainings of this repository; `train.py` is their command line."""
