"""The paper's own setting for one inpainter, GC (gated convolution).

python train.py irl --config configs/irl_gc.py --data PHOTOGRAPHS --out runs/irl_gc
"""

from dataclasses import replace

from configs.irl_paper import experiment as paper

experiment = replace(paper, recipe=replace(paper.recipe, inpainters={"gc": 1.0}))
