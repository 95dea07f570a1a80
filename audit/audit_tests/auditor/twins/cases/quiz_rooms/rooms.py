class Room:
    def __init__(self, host):
        self.host = host
        self.players = {host}
        self.scores = {}
        self.solution = None

    def send(self, line):
        for player in self.players:
            player.write_message(line)


class HostCommands:
    """Mixin: commands that only the host of a room may give."""

    def do_solve(self, room, body):
        if room.host is not self:
            return self.refuse()
        room.solution = str(body["solution"])
        room.send({"solution": room.solution})

    def do_score(self, room, body):
        if room.host is not self:
            return self.refuse()
        room.scores[str(body["player"])] = int(body["points"])
        room.send({"scores": room.scores})

    def do_end(self, room, body):
        if self is not room.host:
            return self.refuse()
        room.send({"ended": True})
        del self.rooms[body["room"]]
