"""Values of a configuration file: places, secrets, mistakes and findings. Knows no option of its own."""

__all__: list[str] = []
