"""The adapters of Bokeh and Panel."""

__all__: list[str] = []
