"""Python runs this when it starts, if the folder is in ``PYTHONPATH``: a process then knows the small backbones."""

from tiny_backbones import SMALL, register_tiny

register_tiny(SMALL, size=64)
