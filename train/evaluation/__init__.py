"""How well anything that marks birds does, on sound it has not learned from."""
