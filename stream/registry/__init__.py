"""The registry of batch models: in the fold, for people, and the keeper that moves them on."""
