"""Noticing files: events wake, scans decide, and a file is taken when it has come to rest."""
