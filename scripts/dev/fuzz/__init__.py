"""Finds bytes that the detection cannot stand: seeds, mutations, a watch over their cost, and a hunt for new ones."""
