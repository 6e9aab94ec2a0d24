"""How good a model is: figures with intervals, and the page that shows them."""
