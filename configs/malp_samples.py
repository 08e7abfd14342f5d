"""`malp_local` in some minutes: what `python train.py malp` does with the bundled photographs.

    python train.py malp --config configs/malp_samples.py

Shows every step of a training; too short, on too few photographs, for weights of any use.
"""

from dataclasses import replace

from configs.malp_local import experiment as full

experiment = replace(full, batch_size=2, epochs=3, steps_per_epoch=50, warmup_steps=30)
