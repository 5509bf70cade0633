"""What a command in a pipeline answered, where a key that is not there is no error."""

from typing import Any

from redis.exceptions import ResponseError

from services.cli.health.picture import Fields


def hash_of(answer: Any) -> Fields:
    """Given the answer to HGETALL or the like, return its fields; none where it is no hash."""
    return answer if isinstance(answer, dict) else {}


def rows(answer: Any) -> list[Any]:
    """Given a list answer, return it; a stream that is not there has none. Raise redis' other errors."""
    if isinstance(answer, ResponseError):
        return []
    if isinstance(answer, Exception):
        raise answer
    return list(answer)


def first_id(answer: Any) -> str:
    """Given entries of a stream, return the first one's id, empty where there is none."""
    found = rows(answer)
    return str(found[0][0]) if found else ""
