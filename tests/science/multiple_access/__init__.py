"""A Bayesian twin where everything can be computed exactly: four devices that share a channel."""
