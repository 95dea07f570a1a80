"""A small collaborative editor: documents with readers and writers."""

import asyncio
import json
import os
from dataclasses import dataclass, field

import tornado.web
import tornado.websocket


@dataclass
class Document:
    title: str
    text: str = ""
    readers: set[str] = field(default_factory=set)
    writers: set[str] = field(default_factory=set)
    viewers: set["EditorSocket"] = field(default_factory=set)

    def can_read(self, user: str) -> bool:
        return user in self.readers or user in self.writers

    def can_write(self, user: str) -> bool:
        return user in self.writers


@dataclass
class Subscribe:
    document: str


@dataclass
class Replace:
    document: str
    start: int
    end: int
    text: str


DOCUMENTS = {
    "roadmap": Document("Roadmap", "2027: ", readers={"mallory"}, writers={"alice"}),
    "notes": Document("Notes", "", writers={"mallory"}),
}


def parse(raw: str) -> Subscribe | Replace:
    body = json.loads(raw)
    match body:
        case {"type": "subscribe", "document": str(name)}:
            return Subscribe(name)
        case {"type": "replace", "document": str(name), "start": int(a), "end": int(b), "text": str(text)}:
            return Replace(name, a, b, text[:10_000])
    raise ValueError("unknown message")


class EditorSocket(tornado.websocket.WebSocketHandler):
    def get_current_user(self) -> str | None:
        raw = self.get_signed_cookie("editor")
        return raw.decode() if raw else None

    def prepare(self) -> None:
        if self.current_user is None:
            raise tornado.web.HTTPError(401)

    def on_message(self, raw: str | bytes) -> None:
        try:
            message = parse(raw)
        except ValueError:
            self.close(1003)
            return
        document = DOCUMENTS.get(message.document)
        if document is None:
            self.write_message({"error": "no such document"})
            return
        match message:
            case Subscribe():
                if not document.can_read(self.current_user):
                    self.write_message({"error": "forbidden"})
                    return
                document.viewers.add(self)
                self.write_message({"title": document.title, "text": document.text})
            case Replace(start=start, end=end, text=text):
                if not document.can_write(self.current_user):
                    self.write_message({"error": "forbidden"})
                    return
                document.text = document.text[:start] + text + document.text[end:]
                for viewer in document.viewers:
                    viewer.write_message({"text": document.text})

    def on_close(self) -> None:
        for document in DOCUMENTS.values():
            document.viewers.discard(self)


def make_app() -> tornado.web.Application:
    return tornado.web.Application([(r"/edit", EditorSocket)], cookie_secret=os.environ["EDITOR_COOKIE_SECRET"])


async def main() -> None:
    make_app().listen(8888, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
