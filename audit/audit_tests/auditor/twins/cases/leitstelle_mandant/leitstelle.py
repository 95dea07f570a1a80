"""Leitstelle: Disponenten eines Mandanten bearbeiten dessen Einsätze."""

import json
import os

import tornado.ioloop
import tornado.web
import tornado.websocket
from bson import ObjectId
from bson.errors import InvalidId
from pymongo import MongoClient


class Anmeldung:
    """Liest die Sitzung, bevor die Verbindung steht."""

    def prepare(self):
        kennung = self.get_signed_cookie("sitzung")
        sitzung = self.settings["db"].sitzungen.find_one({"kennung": kennung.decode()}) if kennung else None
        if sitzung is None:
            raise tornado.web.HTTPError(401)
        self.mandant = sitzung["mandant"]
        self.benutzer = sitzung["benutzer"]


class EinsatzSocket(Anmeldung, tornado.websocket.WebSocketHandler):
    @property
    def einsaetze(self):
        return self.settings["db"].einsaetze

    def auswahl(self, nachricht):
        return {"_id": ObjectId(nachricht["einsatz"]), "mandant": self.mandant}

    def on_message(self, roh):
        nachricht = json.loads(roh)
        try:
            wahl = self.auswahl(nachricht)
        except (InvalidId, KeyError):
            return self.write_message({"fehler": "unbekannter Einsatz"})
        if nachricht.get("aktion") == "abschliessen":
            ergebnis = self.einsaetze.update_one(wahl, {"$set": {"stand": "fertig", "von": self.benutzer}})
            return self.write_message({"geaendert": ergebnis.modified_count})
        if nachricht.get("aktion") == "loeschen":
            ergebnis = self.einsaetze.delete_one(wahl)
            return self.write_message({"geloescht": ergebnis.deleted_count})
        return self.write_message({"fehler": "unbekannte Aktion"})


def anwendung():
    return tornado.web.Application(
        [(r"/einsatz", EinsatzSocket)],
        db=MongoClient(os.environ["MONGO_URL"]).leitstelle,
        cookie_secret=os.environ["LEITSTELLE_SCHLUESSEL"],
    )


if __name__ == "__main__":
    anwendung().listen(9110)
    tornado.ioloop.IOLoop.current().start()
