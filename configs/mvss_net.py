"""MVSS-Net, a rival of IRL-Net, on the same crops in the same number as `irl_paper.py`.

python train.py irl --config configs/mvss_net.py --data PHOTOGRAPHS --out runs/mvss_net
"""

from dataclasses import replace

from configs.irl_paper import experiment as paper

experiment = replace(
    paper,
    network="mvss_net",
    # The loss needs the edge map, the second channel.
    model={"training_outputs": True},
)
