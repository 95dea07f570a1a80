"""The next engine: property simulation over an intermediate form. It runs no scanned code.

`frontend` lowers source text, `programs` finds files and imports, `engine` executes the
intermediate form on abstract values, `models` describes libraries as data, `lifecycle` has the
order of Tornado's calls, `queries` derives verdicts.
"""

__all__: list[str] = []
