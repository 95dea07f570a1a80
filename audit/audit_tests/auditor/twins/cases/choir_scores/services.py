from models import Membership, Score
from sqlalchemy import select
from sqlalchemy.orm import Session


class NotAMember(Exception):
    pass


class ScoreService:
    """Scores of choirs; every method first checks the membership of the singer."""

    def __init__(self, engine):
        self.engine = engine

    def _membership(self, session, singer_id, choir_id):
        found = session.scalar(
            select(Membership).where(
                Membership.singer_id == singer_id,
                Membership.choir_id == choir_id,
            )
        )
        if found is None:
            raise NotAMember
        return found

    def titles(self, singer_id, choir_id):
        with Session(self.engine) as session:
            self._membership(session, singer_id, choir_id)
            return list(session.scalars(select(Score.title).where(Score.choir_id == choir_id)))

    def annotate(self, singer_id, score_id, notes):
        with Session(self.engine) as session, session.begin():
            score = session.get_one(Score, score_id)
            self._membership(session, singer_id, score.choir_id)
            score.notes = notes

    def withdraw(self, singer_id, score_id):
        with Session(self.engine) as session, session.begin():
            score = session.get_one(Score, score_id)
            if not self._membership(session, singer_id, score.choir_id).conductor:
                raise NotAMember
            session.delete(score)
