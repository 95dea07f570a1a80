from dataclasses import dataclass, field


@dataclass
class Person:
    name: str
    manages: bool = False


@dataclass
class Show:
    dj: str
    queue: list[str] = field(default_factory=list)
    muted: set[str] = field(default_factory=set)

    def enqueue(self, by, track):
        self.queue.append(track)

    def skip(self, by, track):
        self.queue.remove(track)

    def mute(self, by, listener):
        self.muted.add(listener)


def listener(person, show):
    return person.name not in show.muted


def dj(person, show):
    return person.manages or person.name == show.dj


RULES = {
    "enqueue": listener,
    "skip": dj,
    "mute": dj,
}
