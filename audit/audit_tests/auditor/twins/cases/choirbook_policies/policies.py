from abc import ABC, abstractmethod


class Policy(ABC):
    @abstractmethod
    def permits(self, account, book) -> bool: ...


class Editors(Policy):
    def permits(self, account, book):
        return account in book.editors or account == book.owner


class OwnerOnly(Policy):
    def permits(self, account, book):
        return account == book.owner


class Readers(Policy):
    def permits(self, account, book):
        return book.shared or account in book.editors or account == book.owner
