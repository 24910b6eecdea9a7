"""The commands of ``catapult-sim``, one module each: ``add(commands)`` and ``run(options)``."""
