"""What every method of image forensics in this repository needs, whichever paper it is from.

- `images`, `metadata`, `files`: the one reader and writer of pictures, and files that are whole;
- `localizer`: the contract of all methods, `tiling`: pictures of any size;
- `metrics`, `tables`, `figures`, `records`: measures and how results are shown;
- `presets`, `model_card`: trained weights with their model cards;
- `batch`, `command_line`: commands over many pictures;
- `layers`, `losses`, `callbacks`, `optimizers`, `schedules`: for networks and their training.
"""

__version__ = "0.2.0"
