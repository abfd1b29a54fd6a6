"""What handovers say of neighbours."""
