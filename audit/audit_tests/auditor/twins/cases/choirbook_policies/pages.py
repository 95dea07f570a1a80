import json
import os
from types import SimpleNamespace

from policies import Editors, OwnerOnly, Readers
from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

BOOKS = {
    "carols": SimpleNamespace(owner="ines", editors={"karl"}, shared=True, pages={"1": "Silent night"}),
    "requiem": SimpleNamespace(owner="karl", editors=set(), shared=False, pages={"1": "Kyrie"}),
}


def permitted(policy):
    def decorate(method):
        def wrapper(self, book, *rest):
            if not policy.permits(self.account, book):
                return {"error": "forbidden"}
            return method(self, book, *rest)

        return wrapper

    return decorate


class PagesSocket(WebSocketHandler):
    def prepare(self):
        account = self.get_signed_cookie("account")
        if not account:
            raise HTTPError(401)
        self.account = account.decode()

    def on_message(self, message):
        verb, name, *rest = json.loads(message)
        book = BOOKS.get(name)
        if book is None:
            answer = {"error": "no such book"}
        elif verb == "page":
            answer = self.page(book, *rest)
        elif verb == "edit":
            answer = self.edit(book, *rest)
        elif verb == "empty":
            answer = self.empty(book)
        else:
            answer = {"error": verb}
        self.write_message(answer)

    @permitted(Readers())
    def page(self, book, number):
        return {"page": book.pages.get(number)}

    @permitted(Editors())
    def edit(self, book, number, text):
        book.pages[number] = text
        return {"edited": number}

    @permitted(OwnerOnly())
    def empty(self, book):
        book.pages = {}
        return {"emptied": True}


def make_app():
    return Application([("/pages", PagesSocket)], cookie_secret=os.environ["PAGES_SECRET"])


if __name__ == "__main__":
    make_app().listen(8407)
    IOLoop.current().start()
