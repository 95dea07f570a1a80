from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter


class Load(BaseModel):
    type: Literal["load"]
    sailing: str
    plate: str
    metres: float = Field(gt=0, lt=30)


class Cancel(BaseModel):
    type: Literal["cancel"]
    sailing: str
    reason: str = ""


class Show(BaseModel):
    type: Literal["show"]
    sailing: str


COMMAND = TypeAdapter(Annotated[Load | Cancel | Show, Field(discriminator="type")])
