"""Radio parameters from measurements: what the twin must believe of its walls for what it has heard."""
