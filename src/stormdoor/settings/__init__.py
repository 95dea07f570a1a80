"""General parts of configuration files: places, secrets, mistakes and findings."""

__all__: list[str] = []
