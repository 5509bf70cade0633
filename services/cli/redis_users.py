"""`quantum redis-users`: a user of Redis for each service and the operator, with fresh passwords.

Redis is given only the SHA-256 of a password; each password has a file of its own that only its service need read.
"""

import hashlib
import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from quantum_common.acl import OBSERVER, OPERATOR, USERS, user_name, users_file
from quantum_common.keys import Keys
from services.cli.complaint import Complaint
from services.cli.dry_run import only_said
from services.cli.env_files import write_secret
from services.cli.options import EXIT_USAGE

USERS_FILE = "users.acl"
PASSWORD_BYTES = 32
FILE_OF = {OPERATOR: "cli", OBSERVER: "alerts"}  # in whose env file a user stands, where it is not its own
_PREFIX = re.compile(r"quantum(:\{\d+\})?")


def password_file(folder: Path, name: str) -> Path:
    """Given the folder and a user's name, return where its password is."""
    return folder / f"{name}.password"


def write_users(folder: Path, shards: Sequence[Keys], *, open_default: bool = False) -> dict[str, str]:
    """Given a folder and the names of each shard, write users.acl and a password file for each user, all of mode 0600.

    Return the passwords by user. Raise OSError where something cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)  # each service must get to its own file
    names = [user_name(user, keys) for keys in shards for user in USERS]
    passwords = {name: secrets.token_hex(PASSWORD_BYTES) for name in names}
    hashes = {name: hashlib.sha256(password.encode()).hexdigest() for name, password in passwords.items()}
    for name, password in passwords.items():
        write_secret(password_file(folder, name), password)
    text = users_file(shards, hashes, open_default=open_default)
    write_secret(folder / USERS_FILE, text.removesuffix("\n"))
    return passwords


def run_redis_users(out: Path, prefixes: Sequence[str], *, replace: bool, dry_run: bool = False) -> int:
    """Given where to write and the key prefixes of the shards, write the files and say what they are; return 0.

    Raise Complaint for a prefix that is none, or where users stand there already and are not to be replaced.
    """
    for prefix in prefixes:
        if not _PREFIX.fullmatch(prefix):
            raise Complaint(f"redis-users: --prefix {prefix}: give quantum, or quantum:{{N}} for shard N", EXIT_USAGE)
    folder = out.expanduser()
    if (folder / USERS_FILE).exists() and not replace:
        raise Complaint(
            f"redis-users: {folder / USERS_FILE} is there already; give --replace for new passwords, and restart "
            f"Redis and every service after it",
            EXIT_USAGE,
        )
    shards = [Keys(prefix) for prefix in dict.fromkeys(prefixes)]
    if dry_run:
        names = [user_name(user, keys) for keys in shards for user in USERS]
        return only_said(*(f"would be written: {path}" for path in (
            folder / USERS_FILE, *(password_file(folder, name) for name in names)
        )))  # fmt: skip
    try:
        passwords = write_users(folder, shards)
    except OSError as error:
        raise Complaint(f"redis-users: {folder}: cannot be written: {error.strerror}") from None
    lines = [f"{folder / USERS_FILE}  for Redis: aclfile {folder.resolve() / USERS_FILE}"]
    for name in passwords:
        user = name.partition("@")[0]
        service = FILE_OF.get(user, user)
        lines.append(f"{password_file(folder, name)}  for {service}.env: QUANTUM_REDIS_USER={name}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0
