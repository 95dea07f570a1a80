"""Gestor de contenidos: los redactores publican sus artículos desde el navegador."""

import json
import os

import tornado.ioloop
import tornado.web
import tornado.websocket
from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Usuario(Base):
    __tablename__ = "usuarios"
    id: Mapped[int] = mapped_column(primary_key=True)
    correo: Mapped[str] = mapped_column(unique=True)
    es_editor: Mapped[bool] = mapped_column(default=False)


class Articulo(Base):
    __tablename__ = "articulos"
    id: Mapped[int] = mapped_column(primary_key=True)
    autor_id: Mapped[int] = mapped_column(ForeignKey("usuarios.id"))
    titulo: Mapped[str]
    cuerpo: Mapped[str] = mapped_column(default="")
    publicado: Mapped[bool] = mapped_column(default=False)


class AccesoDenegado(Exception):
    pass


def exigir_autor(usuario: Usuario, articulo: Articulo) -> None:
    if usuario.es_editor:
        return
    if articulo.autor_id != usuario.id:
        raise AccesoDenegado(articulo.id)


class Redaccion(tornado.websocket.WebSocketHandler):
    def prepare(self):
        self.sesion = Session(self.settings["motor"])
        correo = self.get_signed_cookie("correo")
        consulta = select(Usuario).where(Usuario.correo == (correo or b"").decode())
        self.usuario = self.sesion.scalars(consulta).first() if correo else None
        if self.usuario is None:
            raise tornado.web.HTTPError(403)

    def on_message(self, mensaje):
        datos = json.loads(mensaje)
        articulo = self.sesion.get(Articulo, int(datos["articulo"]))
        if articulo is None:
            return self.write_message({"error": "no existe"})
        try:
            exigir_autor(self.usuario, articulo)
        except AccesoDenegado:
            return self.write_message({"error": "acceso denegado"})
        if datos["orden"] == "guardar":
            articulo.cuerpo = str(datos["cuerpo"])
        elif datos["orden"] == "publicar":
            articulo.publicado = True
        self.sesion.commit()
        self.write_message({"ok": articulo.id})

    def on_close(self):
        self.sesion.close()


def crear_aplicacion():
    motor = create_engine(os.environ["GESTOR_BD"])
    Base.metadata.create_all(motor)
    return tornado.web.Application(
        [(r"/redaccion", Redaccion)], motor=motor, cookie_secret=os.environ["GESTOR_SECRETO"]
    )


if __name__ == "__main__":
    crear_aplicacion().listen(8081)
    tornado.ioloop.IOLoop.current().start()
