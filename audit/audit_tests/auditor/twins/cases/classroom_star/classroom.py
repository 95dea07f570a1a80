"""Classroom quiz: pupils answer, each sees the own score."""

import asyncio
import json
import os
import tomllib
from pathlib import Path

import tornado.web
import tornado.websocket

DEFAULTS = {
    "port": 8500,
    "origins": ["https://quiz.school.example"],
    "questions": {"1": "4", "2": "Paris"},
}


def load() -> dict:
    path = Path(os.environ.get("CLASSROOM_CONFIG", "classroom.toml"))
    given = tomllib.loads(path.read_text()) if path.exists() else {}
    return {**DEFAULTS, **given}


class QuizSocket(tornado.websocket.WebSocketHandler):
    def initialize(self, config: dict, scores: dict) -> None:
        self.config = config
        self.scores = scores

    def check_origin(self, origin: str) -> bool:
        allowed = self.config["origins"]
        return "*" in allowed or origin in allowed

    def prepare(self) -> None:
        pupil = self.get_signed_cookie("pupil")
        if pupil is None:
            raise tornado.web.HTTPError(401)
        self.pupil = pupil.decode()

    def on_message(self, message: str | bytes) -> None:
        answer = json.loads(message)
        right = self.config["questions"].get(str(answer["question"])) == answer["answer"]
        self.scores[self.pupil] = self.scores.get(self.pupil, 0) + right
        self.write_message({"score": self.scores[self.pupil]})


async def main() -> None:
    config = load()
    routes = [("/quiz", QuizSocket, {"config": config, "scores": {}})]
    tornado.web.Application(routes, cookie_secret=os.environ["QUIZ_SECRET"]).listen(config["port"])
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
