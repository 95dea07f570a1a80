class Container:
    """Makes each component once, when it is first asked for."""

    def __init__(self):
        self._makers = {}
        self._made = {}

    def bind(self, key, maker):
        self._makers[key] = maker

    def get(self, key):
        if key not in self._made:
            self._made[key] = self._makers[key](self)
        return self._made[key]
