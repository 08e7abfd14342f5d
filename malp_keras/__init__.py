"""MaLP: proactive manipulation localization for Keras 3 (not implemented yet)."""
