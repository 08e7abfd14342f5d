"""The parts of the learned manipulations as Keras layers, one file each."""

from datasets.manipulations.layers.concatenate_vector import ConcatenateVector
from datasets.manipulations.layers.selective_transfer_unit import SelectiveTransferUnit

__all__ = ["ConcatenateVector", "SelectiveTransferUnit"]
