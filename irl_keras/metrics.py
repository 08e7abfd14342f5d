"""Measures of localization and detection; see `forensics_keras.metrics`."""

from forensics_keras.metrics import (
    MIN_FLAGGED_SHARE,
    LocalizationF1,
    binary_scores,
    bootstrap_interval,
    detection_scores,
    flagged_pixels,
    localization_scores,
    picture_psnr,
    picture_score,
    picture_ssim,
    ssim_map,
    summarize,
    summarize_groups,
    untouched_scores,
    verdict,
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
