class Crews:
    """Who sails in which boat, and who its skipper is."""

    def __init__(self):
        self._crews = {}

    def found(self, boat, skipper):
        self._crews[boat] = {"skipper": skipper, "sailors": {skipper}, "sail": "none", "course": []}

    def at(self, boat):
        return self._crews[boat]


def skipper_only(crew, sailor):
    if crew["skipper"] != sailor:
        raise PermissionError("ask the skipper")


def crew_only(crew, sailor):
    if sailor not in crew["sailors"]:
        raise PermissionError("not aboard")
