"""The Red List at a station: which tables count, how they are shown, and how they are refreshed."""
