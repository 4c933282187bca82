"""Small programs behind the commands."""
