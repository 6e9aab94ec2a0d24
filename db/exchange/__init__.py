"""What is handed on: Camtrap DP, a flat table, MegaDetector's JSON. Each is written row by row, however long."""
