"""Training of batch models, from the history to a candidate."""
