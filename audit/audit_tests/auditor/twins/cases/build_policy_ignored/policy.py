class Policy:
    """Rights by project: maintainers deploy and cancel, developers start."""

    RIGHTS = {
        "maintainer": frozenset({"start", "cancel", "deploy"}),
        "developer": frozenset({"start"}),
    }

    def __init__(self, grants):
        self.grants = grants

    def allows(self, login, verb, project):
        role = self.grants.get((login, project))
        return verb in self.RIGHTS.get(role, ())

    def require(self, login, verb, project):
        if not self.allows(login, verb, project):
            raise PermissionError(f"{login} may not {verb} {project}")
