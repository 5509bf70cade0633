"""The files in /etc/quantum: settings with what this installation needs set, users of Redis, keys.

An upgrade keeps what was edited. A file that nobody touched becomes the new one with the same values.
"""

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from quantum_common.acl import USERS, user_name, users_file
from quantum_common.keys import Keys
from quantum_common.settings import CommonSettings, Environment
from services.cli.complaint import Complaint
from services.cli.config.agreement import ALLOWLISTS, UNIVERSE
from services.cli.config.folder import MODELS
from services.cli.deploy.manifest import Manifest
from services.cli.deploy.place import CONFIG, REDIS_SOCKET, shipped
from services.cli.deploy.steps import Kind, Mark, Step, file_step
from services.cli.deploy.wishes import Wishes
from services.cli.env_files import FILES
from services.cli.env_text import active, mentioned, with_news, with_values
from services.cli.options import Profile
from services.cli.redis_users import PASSWORD_BYTES
from services.intent_bridge.settings import EXPLORING
from services.paper_exchange.options import DEMO_KEY, DEMO_SECRET

OWN_REDIS = f"unix://{REDIS_SOCKET}"
USERS_FILE = f"{CONFIG}/redis/users.acl"
API_KEY, API_SECRET, EXCHANGE_KEY = f"{CONFIG}/api-key", f"{CONFIG}/api-secret", f"{CONFIG}/exchange-key"


@dataclass
class SettingsFiles:
    """The steps over /etc/quantum. What they make of it is known once `steps` has been walked through."""

    wishes: Wishes
    manifest: Manifest
    values: dict[str, str] = field(default_factory=dict)  # of common.env, as it will be

    @property
    def environment(self) -> Environment:
        """Return where orders will go. Raise Complaint for a word that is no environment."""
        word = self.values.get("QUANTUM_ENV", "") or Environment.PAPER
        try:
            return Environment(word)
        except ValueError:
            raise Complaint(f"{CONFIG}/common.env: QUANTUM_ENV={word}: give paper, testnet or live") from None

    @property
    def own_redis(self) -> bool:
        """Return whether the installation runs a Redis of its own."""
        return self.values.get("QUANTUM_REDIS_URL") == OWN_REDIS

    def steps(self) -> Iterator[Step]:
        """Return what is to be done, and note in the manifest what will stand there."""
        for name in (*FILES, "paper-exchange"):
            yield from self._env_file(name)
        yield from self._plain("redis.conf")
        yield from self._users()
        yield from self._keys()

    # --- settings ----------------------------------------------------------------------------------------------------

    def _env_file(self, name: str) -> Iterator[Step]:
        path = f"{CONFIG}/{name}.env"
        there = self.wishes.place.at(path)
        template = (shipped("etc/quantum") / f"{name}.env").read_text(encoding="utf-8")
        words = ""
        if not there.is_file():
            text = with_values(template, {**self._defaults().get(name, {}), **self._asked().get(name, {})})
            self.manifest.add(path, Kind.CONFIG, text.encode())
        else:
            before = there.read_text(encoding="utf-8")
            edited = not self.manifest.untouched(path, before.encode())
            text, news = with_news(before, template) if edited else (_renewed(name, before, template), [])
            text = _changed(path, text, self._asked().get(name, {}))
            self.manifest.kinds[path] = Kind.CONFIG
            if not edited:
                self.manifest.add(path, Kind.CONFIG, text.encode())
            words = _words(news, edited=edited and text != before)
        if name == "common":
            self.values = active(text)
        yield from file_step(self.wishes.place, path, text.encode(), 0o644, words)

    def _plain(self, name: str) -> Iterator[Step]:
        """A file that is kept as it is where it was edited; the new one then lies beside it."""
        path = f"{CONFIG}/{name}"
        there, content = self.wishes.place.at(path), (shipped("etc/quantum") / name).read_bytes()
        if there.is_file() and not self.manifest.untouched(path, there.read_bytes()):
            self.manifest.kinds[path] = Kind.CONFIG
            if there.read_bytes() != content:
                self.manifest.add(f"{path}.new", Kind.CONFIG, content)
                yield from file_step(self.wishes.place, f"{path}.new", content, 0o644, f"{name} was edited and stays")
            return
        self.manifest.add(path, Kind.CONFIG, content)
        yield from file_step(self.wishes.place, path, content)

    def _defaults(self) -> Mapping[str, Mapping[str, str]]:
        """Return what a first installation sets, by file."""
        wishes = self.wishes
        environment = wishes.environment or Environment.PAPER
        explores = environment is Environment.PAPER
        listed = active((shipped("etc/quantum") / "intent-executor.env").read_text(encoding="utf-8"))
        symbols = wishes.symbols or tuple(listed["INTENT_EXECUTOR_ALLOWLIST"].split(","))
        ours = {
            "common": {"QUANTUM_ENV": str(environment), "QUANTUM_REDIS_URL": OWN_REDIS},
            "cli": {
                "QUANTUM_REDIS_USER": "operator",
                "QUANTUM_REDIS_PASSWORD_FILE": f"{CONFIG}/redis/operator.password",
                "QUANTUM_API_KEY_FILE": API_KEY,
                "QUANTUM_API_SECRET_FILE": API_SECRET,
            },
        }
        profile = wishes.profile or (Profile.EXPLORE if explores else Profile.TRADE)
        return _merged(ours, _merged(_symbols(symbols), _profile(profile)))

    def _asked(self) -> Mapping[str, Mapping[str, str]]:
        """Return what the options ask for, by file."""
        wishes = self.wishes
        common = {}
        if wishes.environment is not None:
            common["QUANTUM_ENV"] = str(wishes.environment)
        if wishes.redis_url:
            common["QUANTUM_REDIS_URL"] = wishes.redis_url
        asked: dict[str, dict[str, str]] = {"common": common} if common else {}
        if wishes.symbols:
            asked = _merged(asked, _symbols(wishes.symbols))
        if wishes.profile is not None:
            asked = _merged(asked, _profile(wishes.profile))
        return asked

    # --- users and keys ----------------------------------------------------------------------------------------------

    def _users(self) -> Iterator[Step]:
        """A password for each user of Redis, kept where there is one, and the rules of this version."""
        keys = Keys(self.values.get("QUANTUM_KEY_PREFIX") or "quantum")
        hashes = {}
        for user in USERS:
            path = f"{CONFIG}/redis/{user}.password"
            there = self.wishes.place.at(path)
            before = there.read_text(encoding="ascii").strip() if there.is_file() else ""
            password = before or secrets.token_hex(PASSWORD_BYTES)  # an empty one would let everybody in
            hashes[user_name(user, keys)] = hashlib.sha256(password.encode()).hexdigest()
            self.manifest.add(path, Kind.SECRET)
            yield from file_step(self.wishes.place, path, f"{password}\n".encode(), 0o600)
        self.manifest.add(USERS_FILE, Kind.SECRET)
        rules = users_file([keys], hashes)
        yield from file_step(self.wishes.place, USERS_FILE, rules.encode(), 0o600)

    def _keys(self) -> Iterator[Step]:
        """On paper, the keys that the paper exchange takes; elsewhere they are the operator's to bring."""
        paper = self.environment is Environment.PAPER
        for path, content in (
            (API_KEY, DEMO_KEY),
            (API_SECRET, DEMO_SECRET),
            (EXCHANGE_KEY, f"{DEMO_KEY}\n{DEMO_SECRET}"),
        ):
            if self.wishes.place.at(path).is_file():
                mode = self.wishes.place.at(path).stat().st_mode & 0o777
                if mode & 0o077:
                    yield Step(Mark.NOTE, path, f"mode {mode:04o}: others can read it; chmod 600 {path}")
            elif paper:
                self.manifest.add(path, Kind.SECRET)
                yield from file_step(self.wishes.place, path, f"{content}\n".encode(), 0o600, "of the paper exchange")
        if paper:
            return
        for path, what in ((API_KEY, "key"), (API_SECRET, "secret")):
            there = self.wishes.place.at(path)
            if not there.is_file() or there.read_text(encoding="utf-8").strip() in (DEMO_KEY, DEMO_SECRET):
                yield Step(
                    Mark.NOTE, path, f"write your API {what} for {self.environment} here (one line, mode 0600): until "
                    f"then intent-executor and position-state-brain do not start",
                )  # fmt: skip


def _renewed(name: str, before: str, template: str) -> str:
    """Given a file that nobody edited and the one that is shipped now, return that with the values of before. A key
    that nothing knows any more is left out: with it no service would start."""
    known = mentioned(template) | {field.upper() for field in MODELS.get(name, CommonSettings).model_fields}
    return with_values(template, {key: value for key, value in active(before).items() if key in known})


def _changed(path: str, text: str, values: Mapping[str, str]) -> str:
    """Given a file's text and what is asked for, return it with that. Raise Complaint where it cannot be set there."""
    try:
        return with_values(text, values)
    except ValueError as error:
        raise Complaint(f"deploy: {path}: {error}; change it by hand", status=1) from None


def _words(news: list[str], *, edited: bool) -> str:
    if news:
        return f"edited, and kept; new keys at its end, as comments: {', '.join(news)}"
    return "edited, and kept but for what was asked" if edited else ""


def _symbols(symbols: tuple[str, ...]) -> Mapping[str, Mapping[str, str]]:
    return {one.service: {one.key: ",".join(symbols)} for one in (UNIVERSE, *ALLOWLISTS)}


def _profile(profile: Profile) -> Mapping[str, Mapping[str, str]]:
    """Return what makes a profile: exploring asks neither for an edge nor for confidence."""
    explores = profile is Profile.EXPLORE
    return {"ai-engine": {"AI_PROFILE": profile.value}, **({"intent-bridge": EXPLORING} if explores else {})}


def _merged(one: Mapping[str, Mapping[str, str]], other: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    return {name: {**one.get(name, {}), **other.get(name, {})} for name in {**one, **other}}
