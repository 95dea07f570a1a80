class OwnedNotebooks:
    """Mixin: notebooks of the signed-in user, and the refusal for the others."""

    def notebook(self, nid):
        return self.settings["notebooks"].get(nid)

    def own_notebook(self, nid):
        nb = self.notebook(nid)
        if nb is None or nb["owner"] != self.current_user:
            return None
        return nb
