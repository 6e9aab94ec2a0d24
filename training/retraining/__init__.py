"""From what people reviewed to a better model, or to the reason why there is none."""
