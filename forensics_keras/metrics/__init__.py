"""Measures of localization, of detection and of picture quality, and their intervals."""

from typing import TYPE_CHECKING

from forensics_keras.lazy import load_when_asked

if TYPE_CHECKING:
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
        flagged_pixels,
        localization_scores,
        pixel_counts,
        pooled_scores,
    )
    from forensics_keras.metrics.localization_f1 import LocalizationF1

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
    "pixel_counts",
    "pooled_scores",
    "ssim_map",
    "summarize",
    "summarize_groups",
    "untouched_scores",
    "verdict",
]

load_when_asked(
    __name__,
    {
        "LocalizationF1": "forensics_keras.metrics.localization_f1",
        "MIN_FLAGGED_SHARE": "forensics_keras.metrics.detection",
        "binary_scores": "forensics_keras.metrics.detection",
        "bootstrap_interval": "forensics_keras.metrics.intervals",
        "detection_scores": "forensics_keras.metrics.detection",
        "flagged_pixels": "forensics_keras.metrics.localization",
        "localization_scores": "forensics_keras.metrics.localization",
        "picture_psnr": "forensics_keras.metrics.image_quality",
        "picture_score": "forensics_keras.metrics.detection",
        "picture_ssim": "forensics_keras.metrics.image_quality",
        "pixel_counts": "forensics_keras.metrics.localization",
        "pooled_scores": "forensics_keras.metrics.localization",
        "ssim_map": "forensics_keras.metrics.image_quality",
        "summarize": "forensics_keras.metrics.intervals",
        "summarize_groups": "forensics_keras.metrics.intervals",
        "untouched_scores": "forensics_keras.metrics.detection",
        "verdict": "forensics_keras.metrics.detection",
    },
)
