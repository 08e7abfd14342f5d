"""The paper's own setting for one inpainter, EC (EdgeConnect).

python train.py irl --config configs/irl_ec.py --data PHOTOGRAPHS --out runs/irl_ec
"""

from dataclasses import replace

from configs.irl_paper import experiment as paper

experiment = replace(paper, recipe=replace(paper.recipe, inpainters={"ec": 1.0}))
