# Episodes of an audio drama: authors edit, producers publish.
import json
import os

import sqlalchemy as sa
from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

meta = sa.MetaData()
people = sa.Table(
    "people", meta,
    sa.Column("login", sa.String, primary_key=True),
    sa.Column("post", sa.String),
)
episodes = sa.Table(
    "episodes", meta,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("author", sa.String),
    sa.Column("script", sa.String, default=""),
    sa.Column("published", sa.Boolean, default=False),
)


class StudioSocket(WebSocketHandler):
    def initialize(self, engine):
        self.engine = engine

    def prepare(self):
        login = self.get_signed_cookie("studio")
        with self.engine.connect() as c:
            self.person = login and c.execute(sa.select(people).where(people.c.login == login.decode())).first()
        if not self.person:
            raise HTTPError(401)

    def on_message(self, message):
        wish = json.loads(message)
        do = {"write": self.write_script, "publish": self.publish}.get(wish["do"])
        done = do(wish) if do else 0
        self.write_message({"done": done})

    def write_script(self, wish):
        mine = sa.and_(episodes.c.id == int(wish["episode"]), episodes.c.author == self.person.login)
        with self.engine.begin() as c:
            return c.execute(sa.update(episodes).where(mine).values(script=str(wish["script"]))).rowcount

    def publish(self, wish):
        if self.person.post != "producer":
            return 0
        one = episodes.c.id == int(wish["episode"])
        with self.engine.begin() as c:
            return c.execute(sa.update(episodes).where(one).values(published=True)).rowcount


def make_app(engine):
    meta.create_all(engine)
    return Application([("/studio", StudioSocket, {"engine": engine})], cookie_secret=os.environ["SAGA_SECRET"])


if __name__ == "__main__":
    make_app(sa.create_engine(os.environ["SAGA_DB"])).listen(8404)
    IOLoop.current().start()
