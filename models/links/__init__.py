"""Fades of microwave links: what speaks for one, and the online heads."""
