"""Writes the database of a FastAPI Chat Backend with the libraries that it uses: SQLAlchemy, passlib and cryptography.

Usage: fastapi_database.py URL ENCRYPTION_KEY MESSAGES [USERS]. Adds MESSAGES messages to the database. If the database has no
users, first adds the users in NAMES, and USERS further users.
"""
import base64
import datetime
import hashlib
import sys

from cryptography.fernet import Fernet
from passlib.context import CryptContext
from sqlalchemy import Column, DateTime, ForeignKey, Integer, String, Text, create_engine, func
from sqlalchemy.orm import Session, declarative_base

Base = declarative_base()


class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    username = Column(String(100), unique=True, nullable=False)
    hashed_password = Column(String(255), nullable=False)
    created_at = Column(DateTime, default=datetime.datetime.utcnow)


class Message(Base):
    __tablename__ = "messages"
    id = Column(Integer, primary_key=True)
    user_id = Column(Integer, ForeignKey("users.id"), nullable=False)
    content = Column(Text, nullable=False)
    created_at = Column(DateTime, default=datetime.datetime.utcnow)


def fernet_of(setting: str) -> Fernet:
    try:
        return Fernet(setting)
    except ValueError:
        return Fernet(base64.urlsafe_b64encode(hashlib.sha256(setting.encode()).digest()))


NAMES = ["alice", "Bob", "bob", "carol d", "dave"]


# One in 20 of the further users has a separate hash. All others share one hash, because bcrypt is slow.
OWN_HASH = 20


def further_users(hash_of, count: int):
    shared = hash_of("Password of many 1")
    for at in range(count):
        name = f"user_{at}"
        yield name, hash_of(f"Password of {name} 1") if at % OWN_HASH == 0 else shared


def main(url: str, key: str, count: int, further: int = 0) -> None:
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    fernet = fernet_of(key)
    hashes = CryptContext(schemes=["bcrypt"], bcrypt__rounds=4)
    began = datetime.datetime(2024, 2, 29, 12, 0, 0, 123456)
    with Session(engine) as session:
        if not session.query(User).count():
            session.add_all(
                User(username=name, hashed_password=hashes.hash(f"Password of {name} 1"), created_at=began) for name in NAMES
            )
            # These hashes have the default cost of passlib, which is 12.
            default = CryptContext(schemes=["bcrypt"])
            session.add_all(
                User(username=name, hashed_password=hashed, created_at=began)
                for name, hashed in further_users(default.hash, further)
            )
            session.flush()
        ids = [user.id for user in session.query(User).order_by(User.id)]
        first = session.query(func.count(Message.id)).scalar()
        session.bulk_save_objects(
            Message(
                user_id=ids[at % len(ids)],
                content=fernet.encrypt(f"Grüße {at} \U0001f600\n‮".encode()).decode(),
                created_at=began + datetime.timedelta(seconds=at),
            )
            for at in range(first, first + count)
        )
        session.commit()


main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
