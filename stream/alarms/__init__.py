"""Alarms in the fold: how each stands, what is told of it, what people say of it."""
