"""Gradients with respect to inputs, inside a loss, on every backend."""

import keras


def input_gradient(function, inputs):
    """Computes a function's gradient such that a loss may depend on it.

    `keras.ops` has no gradients, so this is the one place that names the backends. The loss that
    uses the result can be differentiated again with respect to the function's weights, as a
    gradient penalty needs (WGAN-GP, Gulrajani et al., 2017, equation 3).

    Args:
        function: Function from the inputs to scores, any shape; it must not change variables.
        inputs: Tensor, one row a sample.

    Returns:
        Gradient of the sum of the scores, of the inputs' shape. Where each score depends on its own
        row only, as for a critic without batch normalization, its rows are the scores' gradients.

    Raises:
        ValueError: If the backend cannot differentiate.

    Example:
    ```python
    input_gradient(keras.ops.square, keras.ops.array([1.0, 2.0]))  # [2, 4]
    ```
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _on_tensorflow(function, inputs)
    if backend == "jax":
        return _on_jax(function, inputs)
    if backend == "torch":
        return _on_torch(function, inputs)
    raise ValueError(
        f"Keras' backend {backend} has no gradients; set KERAS_BACKEND to tensorflow, jax or torch"
    )


def _on_tensorflow(function, inputs):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(inputs)
        scores = function(inputs)
    return tape.gradient(scores, inputs)


def _on_jax(function, inputs):
    import jax

    return jax.grad(lambda x: function(x).sum())(inputs)


def _on_torch(function, inputs):
    import torch

    with torch.enable_grad():
        inputs = inputs.detach().requires_grad_()
        scores = function(inputs)
        return torch.autograd.grad(scores.sum(), inputs, create_graph=True)[0]
