"""What exports hand on."""
