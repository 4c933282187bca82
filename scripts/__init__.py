"""The commands of contributors and what they run on."""
