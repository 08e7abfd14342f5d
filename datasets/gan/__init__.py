"""What inpainters and STGAN share in adversarial training."""
