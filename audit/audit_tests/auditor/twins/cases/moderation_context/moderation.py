from identity import Account, acting


class NotAllowed(Exception):
    pass


class Moderation:
    def __init__(self, accounts: dict[str, Account]):
        self.accounts = accounts
        self.banned: set[str] = set()

    def _only_moderators(self) -> Account:
        account = acting.get()
        if not account.moderator:
            raise NotAllowed(account.name)
        return account

    def ban(self, name: str) -> None:
        self._only_moderators()
        self.banned.add(self.accounts[name].name)

    def unban(self, name: str) -> None:
        self._only_moderators()
        self.banned.discard(name)
