"""What each command of `lockstep` takes, and which code it calls."""
