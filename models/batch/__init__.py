"""Batch models: trained with Keras from the history, run in numpy by the fold."""
