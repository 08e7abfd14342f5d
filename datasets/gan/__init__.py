"""What inpainters and STGAN share in adversarial training.

* `training`: a generator and its critic in one model, and the losses that both have.
* `gradient_penalty`: the penalty of WGAN-GP; `input_gradient`: gradients of inputs, on any backend.
* `layers`: spectrally normalized convolutions.
"""
