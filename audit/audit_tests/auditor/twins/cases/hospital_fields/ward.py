"""Ward terminal: staff read charts and change the parts that their profession owns."""

import asyncio
import json
import os

import tornado.web
import tornado.websocket

WRITABLE = {
    "nurse": {"temperature", "pulse", "remarks"},
    "physician": {"temperature", "pulse", "remarks", "diagnosis", "medication"},
}

CHARTS = {
    "P-100": {"name": "J. Doe", "temperature": 36.9, "medication": "none"},
    "P-101": {"name": "R. Roe", "temperature": 38.2, "medication": "ibuprofen"},
}


class StaffMixin:
    def get_current_user(self):
        badge = self.get_signed_cookie("badge")
        return self.settings["staff"].get(badge.decode()) if badge else None

    @property
    def profession(self):
        return self.current_user["profession"]


class ChartSocket(StaffMixin, tornado.websocket.WebSocketHandler):
    async def prepare(self):
        if not self.current_user:
            raise tornado.web.HTTPError(401)

    def on_message(self, message):
        form = json.loads(message)
        chart = CHARTS.get(form.pop("patient", None))
        if chart is None:
            self.write_message({"error": "unknown patient"})
            return
        if form.pop("kind", "read") == "read":
            self.write_message(chart)
            return
        form.update(remarks=str(form.get("remarks", ""))[:2000])
        forbidden = set(form) - WRITABLE[self.profession]
        if forbidden:
            self.write_message({"error": "not yours to change", "fields": sorted(forbidden)})
            return
        chart.update(form)
        self.write_message({"saved": sorted(form)})


def make_app(staff=None):
    return tornado.web.Application(
        [(r"/ward/socket", ChartSocket)],
        staff=staff if staff is not None else json.loads(os.environ["WARD_STAFF"]),
        cookie_secret=os.environ["WARD_SECRET"],
    )


async def main():
    make_app().listen(8443, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
