from dataclasses import dataclass, field


@dataclass
class Entry:
    """Rights on one sailing, by group."""

    rights: dict[str, set[str]] = field(default_factory=dict)

    def permits(self, groups, right):
        return any(right in self.rights.get(group, ()) for group in groups)


def ensure(principal, right, sailing):
    if not sailing.acl.permits(principal.groups, right):
        raise PermissionError(right)
