"""How well constants are known: priors, draws, and what a measured rate says about them."""
