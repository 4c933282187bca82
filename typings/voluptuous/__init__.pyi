# Home Assistant serves probatio under the name voluptuous: this is what the type checker is to take it for.
from probatio import *  # noqa: F403
