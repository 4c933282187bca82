"""How fast the detector is, how well it tells broken pictures from hard clean ones, and how others do on the same."""
