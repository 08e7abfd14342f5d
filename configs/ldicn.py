"""LDICN, a rival of IRL-Net, on the same crops in the same number as `irl_paper.py`.

python train.py irl --config configs/ldicn.py --data PHOTOGRAPHS --out runs/ldicn
"""

from dataclasses import replace

from configs.irl_paper import experiment as paper

# Its loss, and the weight decay, are the network's own; see `irl_keras.baselines.ldicn`.
experiment = replace(paper, network="ldicn", learning_rate=1e-4, epoch_decay=0.5)
