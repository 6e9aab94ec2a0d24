"""Reports: gathered from the ledger (``contents``), rendered (``page``) and written (``writing``, read this first)."""
