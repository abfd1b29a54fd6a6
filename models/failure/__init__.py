"""Failures foretold: what speaks for one, the online heads, wear-out, health, the class of the fault."""
