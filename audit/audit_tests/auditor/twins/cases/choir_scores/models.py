from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Singer(Base):
    __tablename__ = "singers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Choir(Base):
    __tablename__ = "choirs"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    scores: Mapped[list["Score"]] = relationship(back_populates="choir")


class Membership(Base):
    __tablename__ = "memberships"
    singer_id: Mapped[int] = mapped_column(ForeignKey("singers.id"), primary_key=True)
    choir_id: Mapped[int] = mapped_column(ForeignKey("choirs.id"), primary_key=True)
    conductor: Mapped[bool] = mapped_column(default=False)


class Score(Base):
    __tablename__ = "scores"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    notes: Mapped[str] = mapped_column(default="")
    choir_id: Mapped[int] = mapped_column(ForeignKey("choirs.id"))
    choir: Mapped[Choir] = relationship(back_populates="scores")
