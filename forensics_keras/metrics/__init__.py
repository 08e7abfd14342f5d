"""Measures of localization, of detection and of picture quality, and their intervals."""

from forensics_keras.metrics.detection import (
    MIN_FLAGGED_SHARE,
    binary_scores,
    detection_scores,
    picture_score,
    untouched_scores,
    verdict,
)
from forensics_keras.metrics.image_quality import picture_psnr, picture_ssim, ssim_map
from forensics_keras.metrics.intervals import bootstrap_interval, summarize, summarize_groups
from forensics_keras.metrics.localization import (
    LocalizationF1,
    flagged_pixels,
    localization_scores,
)

__all__ = [
    "MIN_FLAGGED_SHARE",
    "LocalizationF1",
    "binary_scores",
    "bootstrap_interval",
    "detection_scores",
    "flagged_pixels",
    "localization_scores",
    "picture_psnr",
    "picture_score",
    "picture_ssim",
    "ssim_map",
    "summarize",
    "summarize_groups",
    "untouched_scores",
    "verdict",
]
