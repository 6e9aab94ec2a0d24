"""Letting the backbones' top blocks learn as well."""
