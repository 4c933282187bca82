# Home Assistant serves probatio under the name voluptuous; this is what `import voluptuous as vol` means to the type checker.
from probatio import *
