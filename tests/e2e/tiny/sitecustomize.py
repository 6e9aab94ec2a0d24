"""Python runs this when it starts, if the folder is in ``PYTHONPATH``: a real command then knows two tiny backbones."""

from tiny_backbones import register_tiny

register_tiny({"tiny_a": 16, "tiny_b": 24}, size=32)
