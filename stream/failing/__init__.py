"""Failures in the fold: evidence, predictions, fades of links."""
