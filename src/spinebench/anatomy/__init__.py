"""The vocabulary of the field: levels, sides and diseases."""
