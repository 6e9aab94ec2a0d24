"""The search for better settings, on cached features."""
