"""Batch models in the fold: who speaks, who runs in shadow, what they are given."""
