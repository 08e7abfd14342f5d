"""The paper's own setting for one inpainter, CA (contextual attention).

python train.py irl --config configs/irl_ca.py --data PHOTOGRAPHS --out runs/irl_ca
"""

from dataclasses import replace

from configs.irl_paper import experiment as paper

experiment = replace(paper, recipe=replace(paper.recipe, inpainters={"ca": 1.0}))
