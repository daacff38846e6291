"""How things look: the style of every figure, and one way to draw each kind of value."""
