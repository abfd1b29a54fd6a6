"""What every model and detector must keep to: `checks` says it, `subjects` lists them, the tests bring both together.

The example is River's `river.checks`: a check is a function of a way to make a model, and knows nothing else of it.
"""
