"""Custom layers of MaLP."""

from malp_keras.layers.enlarge import Enlarge
from malp_keras.layers.position_embedding import PositionEmbedding
from malp_keras.layers.template_agreement import TemplateAgreement
from malp_keras.layers.template_layer import TemplateLayer

__all__ = ["Enlarge", "PositionEmbedding", "TemplateAgreement", "TemplateLayer"]
