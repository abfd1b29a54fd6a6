"""How a worker is: what its parts tell, who judges it, where it can be asked."""
