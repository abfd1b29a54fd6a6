"""The demonstration: everything on one machine, and what it shows."""
