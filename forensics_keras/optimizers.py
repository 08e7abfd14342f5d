"""An optimizer for models whose parts learn at different rates."""

from collections.abc import Mapping
from typing import Any

import keras


@keras.saving.register_keras_serializable(package="irl_keras")
class AdamByPart(keras.optimizers.Adam):
    """Adam with a factor on the learning rate of some parts of a model.

    Keras' Adam has one rate for all variables, while adversarial trainings, and MaLP with its
    template, branches and classifier, set one for each part.

    Args:
        learning_rate: As for `keras.optimizers.Adam`; a schedule is scaled as a whole.
        factors: Factor on the learning rate for each variable whose path starts with the key; the
            first key that fits counts, and 1 where none does.
        **kwargs: Other arguments of `keras.optimizers.Adam`.

    Example:
    ```python
    optimizer = forensics_keras.optimizers.AdamByPart(1e-4, factors={"critic": 0.1})
    ```
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        factors: Mapping[str, float] | None = None,
        name: str = "adam_by_part",
        **kwargs: Any,
    ):
        super().__init__(learning_rate, name=name, **kwargs)
        self.factors = dict(factors or {})

    def build(self, variables):
        super().build(variables)
        self._variable_factors = [self._factor(variable.path) for variable in variables]

    def _factor(self, path):
        return next((f for start, f in self.factors.items() if path.startswith(start)), 1.0)

    def update_step(self, gradient, variable, learning_rate):
        factor = self._variable_factors[self._get_variable_index(variable)]
        super().update_step(gradient, variable, factor * learning_rate)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update({"factors": self.factors})
        return config
