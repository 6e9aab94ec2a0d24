"""What the pictures say of the cameras that took them: faults, and clocks that are wrong."""
