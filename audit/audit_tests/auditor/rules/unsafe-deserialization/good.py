import json
import pickle
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    async def on_message(self, message):
        data = json.loads(message)
        pickle.dumps(data)
        json.loads(data["state"])
        with open("/srv/states/" + str(int(data["state"])), "rb") as file:
            pickle.load(file)
