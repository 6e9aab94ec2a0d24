"""The ledger: what was seen, what was said of it, and what follows. It knows no model."""
