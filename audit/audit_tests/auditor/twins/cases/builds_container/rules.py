from abc import ABC, abstractmethod


class Authorizer(ABC):
    @abstractmethod
    def permits(self, user, action, resource): ...


class PermitAll(Authorizer):
    """For a laptop without colleagues."""

    def permits(self, user, action, resource):
        return True


class OwnersOnly(Authorizer):
    def permits(self, user, action, resource):
        return resource["owner"] == user or action == "view"
