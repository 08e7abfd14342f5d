"""Untouched photographs: where they come from, their parts, and selections of them."""
