"""Pictures with known faults: clean ones of every kind that a camera gives, and real damage of known extent."""
